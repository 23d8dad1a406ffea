local handles = require "spec.helpers.handles"
local node = require "spec.helpers.votequorum_node"

local open, tracker, settle = node.open, node.tracker, node.settle
local raises, receive, after_changes = node.raises, node.receive, node.after_changes

local NODE, STRANGER = 1, 4294967295
local DEVICE = "spec's device"
local LONGEST_NAME = 254 -- bytes

local dispatch_until, fails = handles.dispatch_until, handles.fails

after_each(handles.close_all)

describe("a quorum device", function()
  local handle, record, ring

  before_each(function()
    handle, record = tracker()
    ring = record.lists[1].ring
  end)

  after_each(after_changes)

  local function flags()
    return assert(handle:info()).flags
  end

  it("is registered until it is unregistered", function()
    assert.is_true(handle:qdevice_register(DEVICE))
    assert.is_true(handle:qdevice_register(DEVICE))
    assert.equal(DEVICE, handle:info().qdevice_name)
    assert.is_true(flags().qdevice_registered)
    assert.is_false(flags().qdevice_alive)
    local event
    local other = open()
    assert(other:track())
    repeat event = receive(other) until event[1] == "quorum"
    assert.same({ { node = NODE, state = "member" }, { node = 0 } }, event[3])
    assert.is_true(handle:qdevice_unregister(DEVICE))
    settle(handle, record)
    assert.is_nil(handle:info().qdevice_name)
    assert.is_false(flags().qdevice_registered)
  end)

  it("is alive after a poll with the present ring, and its vote counts once cast", function()
    assert(handle:qdevice_register(DEVICE))
    assert(handle:set_votes(1, 0))
    dispatch_until(handle, function() return #record.quorums == 2 end)
    assert.is_false(record.quorums[2].quorate)
    assert.is_true(handle:qdevice_poll(DEVICE, true, ring))
    dispatch_until(handle, function() return #record.quorums == 3 end)
    assert.is_true(record.quorums[3].quorate)
    assert.is_true(flags().qdevice_alive)
    assert.is_true(flags().qdevice_cast_vote)
    assert.same({ 1, 2 }, { handle:info().qdevice_votes, handle:info().total_votes })
    assert.is_true(handle:qdevice_poll(DEVICE, false, ring))
    dispatch_until(handle, function() return #record.quorums == 4 end)
    assert.is_false(record.quorums[4].quorate)
    assert.is_true(flags().qdevice_alive)
    assert.is_false(flags().qdevice_cast_vote)
  end)

  it("fails to poll for a ring that is not the present one", function()
    assert(handle:qdevice_register(DEVICE))
    for _, wrong in ipairs { { node = ring.node, seq = ring.seq + 1 }, { node = STRANGER, seq = ring.seq },
      { node = 0, seq = 9007199254740992 } } do
      assert.matches("cannot poll for quorum device 'spec\\039s device': the ring is not the present one",
        fails("message_error", handle:qdevice_poll(DEVICE, true, wrong)), 1, true)
    end
    assert.is_false(flags().qdevice_alive)
  end)

  it("can win alone with master_wins", function()
    assert(handle:qdevice_register(DEVICE))
    assert.is_true(handle:qdevice_master_wins(DEVICE, true))
    assert.is_true(flags().qdevice_master_wins)
    assert.is_true(handle:qdevice_master_wins(DEVICE, false))
    assert.is_false(flags().qdevice_master_wins)
  end)

  it("can be renamed", function()
    assert(handle:qdevice_register(DEVICE))
    assert.is_true(handle:qdevice_update(DEVICE, "other"))
    settle(handle, record)
    assert.equal("other", handle:info().qdevice_name)
    assert.matches("cannot rename quorum device 'spec\\039s device' to 'x': the quorum device registered",
      fails("invalid_param", handle:qdevice_update(DEVICE, "x")), 1, true)
    assert.is_true(handle:qdevice_unregister "other")
  end)

  it("has a name of at most 254 bytes", function()
    local name = ("n"):rep(LONGEST_NAME)
    assert(handle:qdevice_register(name))
    assert.equal(name, handle:info().qdevice_name)
    assert(handle:qdevice_poll(name, false, ring))
    assert(handle:qdevice_update(name, ("m"):rep(LONGEST_NAME)))
    settle(handle, record)
    assert.equal(("m"):rep(LONGEST_NAME), handle:info().qdevice_name)
    assert(handle:qdevice_unregister(("m"):rep(LONGEST_NAME)))
  end)

  -- Each call, given a name.
  local calls = {
    qdevice_register = function(name) return handle:qdevice_register(name) end,
    qdevice_unregister = function(name) return handle:qdevice_unregister(name) end,
    ["qdevice_update of the old"] = function(name) return handle:qdevice_update(name, "x") end,
    ["qdevice_update to the new"] = function(name) return handle:qdevice_update(DEVICE, name) end,
    qdevice_poll = function(name) return handle:qdevice_poll(name, true, ring) end,
    qdevice_master_wins = function(name) return handle:qdevice_master_wins(name, true) end,
  }

  for call, action in pairs(calls) do
    it("raises or fails for an invalid name in " .. call, function()
      assert(handle:qdevice_register(DEVICE))
      assert.matches("1 to 254 bytes", fails("name_too_long", action(("n"):rep(LONGEST_NAME + 1))), 1, true)
      assert.matches("1 to 254 bytes", fails("name_too_long", action(("n"):rep(100000))), 1, true)
      assert.matches("''", fails("invalid_param", action ""), 1, true)
      assert.matches("'a\\000b'", fails("invalid_param", action "a\0b"), 1, true)
      raises("string expected", action, {})
      raises("string expected", action, nil)
    end)
  end

  it("must be registered under the given name", function()
    for call, action in pairs(calls) do
      if call ~= "qdevice_register" then
        local message = fails("not_exist", action "no such")
        assert.matches("'no such'", message, 1, true)
        assert.matches(": no quorum device is registered on this node", message, 1, true)
      end
    end
    assert(handle:qdevice_register(DEVICE))
    for call, action in pairs(calls) do
      if call == "qdevice_register" then
        assert.matches("cannot register quorum device 'no such': a quorum device with another name is registered",
          fails("exist", action "no such"), 1, true)
      elseif call ~= "qdevice_update to the new" then
        assert.matches("'no such'", fails("invalid_param", action "no such"), 1, true)
      end
    end
  end)

  it("raises for a vote that is not a boolean and for an invalid ring", function()
    raises("#2 to 'qdevice_poll' %(boolean expected", function() handle:qdevice_poll(DEVICE, 1, ring) end)
    raises("#2 to 'qdevice_master_wins' %(boolean expected", function() handle:qdevice_master_wins(DEVICE) end)
    raises("#3 to 'qdevice_poll' %(table expected", function() handle:qdevice_poll(DEVICE, true, 4) end)
    for _, wrong in ipairs { -1, 0.5, 1e300, math.huge, 0 / 0, "1", {}, false } do
      raises("#3 to 'qdevice_poll' %(ring.seq must be a whole number", function()
        handle:qdevice_poll(DEVICE, true, { node = NODE, seq = wrong })
      end)
      raises("#3 to 'qdevice_poll' %(ring.node must be a whole number", function()
        handle:qdevice_poll(DEVICE, true, { node = wrong, seq = 1 })
      end)
    end
    raises("ring.seq", function() handle:qdevice_poll(DEVICE, true, {}) end)
  end)
end)
