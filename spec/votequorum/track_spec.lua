local handles = require "spec.helpers.handles"
local node = require "spec.helpers.votequorum_node"

local open, tracker, settle = node.open, node.tracker, node.settle
local receive, after_changes = node.receive, node.after_changes

local NODE = 1

local dispatch_until = handles.dispatch_until

after_each(handles.close_all)

describe("votequorum tracking", function()
  after_each(after_changes)

  it("reports the present state first", function()
    local _, record = tracker()
    assert.same({ { quorate = true, nodes = { { node = NODE, state = "member" } } } }, record.quorums)
    assert.equal(1, #record.lists)
    assert.same({ NODE }, record.lists[1].members)
    assert.equal(NODE, record.lists[1].ring.node)
    assert.is_true(record.lists[1].ring.seq > 0)
    assert.same({}, record.expected)
    assert.same({}, record.errors)
  end)

  it("delivers the same events to receive, on request", function()
    local handle = open()
    assert.equal(0, select("#", handle:receive()))
    assert.is_true(handle:track())
    assert.is_true(handle:track())
    local event = receive(handle)
    assert.same({ "nodelist", { NODE }, { node = NODE, seq = event[3].seq } }, event)
    assert.same({ "quorum", true, { { node = NODE, state = "member" } } }, receive(handle))
    assert(handle:set_expected(1))
    assert.same({ "expected_votes", 1 }, receive(handle))
    assert.equal(0, select("#", handle:receive()))
  end)

  it("can be ended and started again", function()
    local handle, record = tracker()
    local other, others = tracker()
    assert.is_true(handle:untrack())
    assert.is_true(handle:untrack())
    settle(other, others)
    assert.is_false(handle:fetch())
    assert.is_true(handle:track())
    dispatch_until(handle, function() return #record.quorums == 2 end)
    assert.equal(2, #record.lists)
    settle(handle, record)
    assert.equal(1, #record.expected)
  end)

  it("continues after a handler that raises", function()
    local seen = {}
    local handle, record = tracker {
      nodelist_change = function() error "in a nodelist" end,
      expected_votes_change = function(votes)
        seen[#seen + 1] = votes
        error { "no string" }
      end,
    }
    for votes = 1, 2 do
      assert(handle:set_votes(votes))
      assert(handle:set_expected(votes))
      dispatch_until(handle, function() return seen[#seen] == votes end)
    end
    assert.matches("track_spec.lua:%d+: in a nodelist\nstack traceback:", record.errors[1])
    assert.equal(#seen + 1, #record.errors)
  end)

  it("allows a handler to query, set and close", function()
    local handle, code
    handle = tracker {
      expected_votes_change = function(votes)
        assert.equal(votes, handle:info().expected_votes)
        assert(handle:set_votes(1))
        assert(handle:close())
        code = select(3, handle:info())
      end,
    }
    assert(handle:set_expected(1))
    dispatch_until(handle, function() return code ~= nil end)
    assert.equal("closed", code)
    assert.matches("^corosync.votequorum %(closed%)", tostring(handle))
  end)
end)
