local handles = require "spec.helpers.handles"
local node = require "spec.helpers.votequorum_node"

local open, tracker, next_expected = node.open, node.tracker, node.next_expected
local raises, restore, after_changes = node.raises, node.restore, node.after_changes

local NODE, STRANGER = 1, 4294967295

local MOST_VOTES = 509
local dispatch_until, fails = handles.dispatch_until, handles.fails

after_each(handles.close_all)

describe("votequorum votes", function()
  after_each(after_changes)

  it("of the local node can be set, and the expected votes grow with them", function()
    local handle, record = tracker()
    assert.is_true(handle:set_votes(3))
    assert.equal(3, next_expected(handle, record))
    local info = handle:info()
    assert.same({ 3, 3, 3, 2 }, { info.votes, info.total_votes, info.expected_votes, info.quorum })
    assert.is_true(handle:set_votes(2, NODE))
    assert.equal(2, handle:info().votes)
  end)

  it("of an unknown node cannot be set", function()
    assert.matches("cannot set the votes of node 4294967295 in votequorum: unknown node id",
      fails("not_exist", open():set_votes(1, STRANGER)), 1, true)
  end)

  it("that would cost the cluster its quorum are rejected", function()
    local handle, record = tracker()
    assert(handle:set_votes(4))
    assert.equal(4, next_expected(handle, record))
    assert.matches("cannot set the votes of the local node in votequorum: with these votes",
      fails("invalid_param", handle:set_votes(2)), 1, true)
    assert.matches("the votes of node 1 in", fails("invalid_param", handle:set_votes(0, NODE)), 1, true)
    assert.equal(4, handle:info().votes)
  end)

  it("are limited so that Corosync's quorum does not wrap around", function()
    local handle, record = tracker()
    for _, votes in ipairs { MOST_VOTES + 1, 4294967294, 4294967295 } do
      assert.matches("cannot set the votes of the local node in votequorum: Corosync's quorum overflows",
        fails("out_of_range", handle:set_votes(votes)), 1, true)
      fails("out_of_range", handle:set_votes(votes, NODE))
      fails("out_of_range", handle:set_votes(votes, 0))
      assert.matches("cannot set the expected votes of votequorum: Corosync's quorum overflows",
        fails("out_of_range", handle:set_expected(votes)), 1, true)
    end
    assert(handle:set_votes(MOST_VOTES))
    assert.equal(MOST_VOTES, next_expected(handle, record))
    assert.equal(255, handle:info().quorum)
  end)

  it("raise for an invalid number of votes or node id", function()
    local handle = open()
    for _, wrong in ipairs { -1, 0.5, 4294967296, -4294967295, 1e300, math.huge, 0 / 0, "1", {}, true } do
      raises("#1 to 'set_votes' %(votes must be", function() handle:set_votes(wrong) end)
      raises("#2 to 'set_votes' %(node must be", function() handle:set_votes(1, wrong) end)
      raises("#1 to 'set_expected' %(votes must be", function() handle:set_expected(wrong) end)
    end
    raises("votes must be", function() handle:set_votes() end)
    raises("votes must be", function() handle:set_expected() end)
    assert.equal(1, handle:info().votes)
  end)

  it("can be set as expected votes", function()
    local handle, record = tracker()
    assert(handle:set_votes(3))
    assert.equal(3, next_expected(handle, record))
    assert.is_true(handle:set_expected(5))
    assert.equal(5, next_expected(handle, record))
    assert.same({ 5, 5, 3 }, { handle:info().expected_votes, handle:info().highest_expected, handle:info().quorum })
    for _, votes in ipairs { 0, 2, 6, MOST_VOTES } do
      assert.matches("cannot set the expected votes of votequorum: that is fewer",
        fails("invalid_param", handle:set_expected(votes)), 1, true)
    end
    assert.equal(5, handle:info().expected_votes)
  end)

  it("set by another program as expected votes are reported", function()
    local handle, record = tracker()
    assert(handle:set_votes(3))
    assert.equal(3, next_expected(handle, record))
    os.execute "corosync-quorumtool -e 4 >/dev/null"
    assert.equal(4, next_expected(handle, record))
    assert.equal(4, handle:info().expected_votes)
  end)

  it("of the quorum device are not the local node's, and quorum is lost without them", function()
    local handle, record = tracker()
    assert.is_true(handle:set_votes(2, 0))
    dispatch_until(handle, function() return #record.quorums == 2 end)
    assert.same({ quorate = false, nodes = { { node = NODE, state = "member" } } }, record.quorums[2])
    assert.same({ 3 }, record.expected)
    local info = handle:info()
    assert.same({ 1, 2, 2, false }, { info.votes, info.qdevice_votes, info.quorum, info.flags.quorate })
    assert(handle:set_expected(100)) -- without quorum there is none to be lost
    assert.equal(100, next_expected(handle, record))
    restore()
    dispatch_until(handle, function() return #record.quorums == 3 end)
    assert.is_true(record.quorums[3].quorate)
  end)
end)
