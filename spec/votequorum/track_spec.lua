local cmap = require "corosync.cmap"
local core = require "corosync.core"
local handles = require "spec.helpers.handles"
local votequorum = require "corosync.votequorum"

local NODE = 1

local dispatch_until = handles.dispatch_until

local function open(given)
  return handles.keep(assert(votequorum.open(given)))
end

-- A handle that tracks, and a record of its events, of which the first two have come.
local function tracker(more)
  local record = { quorums = {}, lists = {}, expected = {}, errors = {} }
  local handlers = {
    quorum_change = function(quorate, nodes) table.insert(record.quorums, { quorate = quorate, nodes = nodes }) end,
    nodelist_change = function(members, ring) table.insert(record.lists, { members = members, ring = ring }) end,
    expected_votes_change = function(votes) table.insert(record.expected, votes) end,
    error = function(message) table.insert(record.errors, message) end,
  }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  local handle = open(handlers)
  dispatch_until(handle, function() return #record.quorums > 0 end)
  return handle, record
end

-- What expected_votes_change is called with next.
local function next_expected(handle, record)
  local before = #record.expected
  dispatch_until(handle, function() return #record.expected > before end)
  return record.expected[before + 1]
end

-- Ends when all that the node has told the cluster so far has been heard, since the order is one.
local function settle(handle, record)
  local expected = assert(handle:info()).expected_votes
  assert(handle:set_expected(expected))
  assert.equal(expected, next_expected(handle, record))
end

local function receive(handle)
  local deadline = core.now() + 10
  while core.now() < deadline do
    local event = { handle:receive() }
    if event[1] or event[3] then
      return event
    end
    handle:wait(1)
  end
  error("timed out")
end

-- Votes only ever go up by the calls that the specs are about; a key of votequorum's makes Corosync read its
-- configuration again, which has the first ones.
local function restore()
  local handle, record = tracker()
  local info = assert(handle:info())
  if info.flags.qdevice_registered then
    assert(handle:qdevice_master_wins(info.qdevice_name, false))
    assert(handle:qdevice_unregister(info.qdevice_name))
  end
  settle(handle, record)
  local map = assert(cmap.open())
  assert(map:set("quorum.spec", 1, "u8"))
  assert(map:delete "quorum.spec")
  map:close()
  settle(handle, record)
  info = assert(handle:info())
  assert.same({ 1, 1, 1, 0 }, { info.votes, info.total_votes, info.expected_votes, info.qdevice_votes })
  assert.is_true(info.flags.quorate)
  assert.is_nil(info.qdevice_name)
end

local function after_changes()
  handles.close_all()
  restore()
  handles.close_all()
end

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
