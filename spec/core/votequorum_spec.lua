-- The userdata over libvotequorum, on the daemon of the node that the specs run in: one node with one vote.
local cmap = require "corosync.cmap"
local core = require "corosync.core"
local handles = require "spec.support.handles"
local process = require "spec_process"
local votequorum = require "corosync.votequorum"

local NODE, STRANGER = 1, 4294967295
local DEVICE = "spec's device"
local LONGEST_NAME = 254 -- bytes
local MOST_VOTES = 509
local dispatch_until, fails = handles.dispatch_until, handles.fails

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

local function raises(pattern, action, ...)
  local arguments, count = { ... }, select("#", ...)
  assert.error_matches(function() action((table.unpack or unpack)(arguments, 1, count)) end, -- luacheck: ignore 113
    pattern)
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

describe("opening votequorum", function()
  it("is a part of corosync", function()
    assert.equal(votequorum, require("corosync").votequorum)
  end)

  it("refuses fields that it does not know or that are no functions, naming them", function()
    raises("unknown field 'quorum_chang'", votequorum.open, { quorum_chang = print })
    raises("'nodelist_change' is a number", votequorum.open, { nodelist_change = 1 })
    raises("'expected_votes_change'", votequorum.open, { expected_votes_change = {} })
    raises("'error'", votequorum.open, { error = "no" })
    raises("table expected", votequorum.open, 1)
  end)

  it("answers what to do when there is no daemon", function()
    local script = [[local _, message, code = require("corosync.votequorum").open() print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's votequorum service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)

  it("tells nothing without a handler of changes", function()
    local handle = open { error = print }
    assert.is_false(handle:fetch(0.01))
  end)
end)

describe("info", function()
  it("knows the local node", function()
    local info = assert(open():info())
    assert.same({
      node = NODE,
      state = "member",
      votes = 1,
      expected_votes = 1,
      highest_expected = 1,
      total_votes = 1,
      quorum = 1,
      qdevice_votes = 0,
      flags = {
        two_node = false,
        quorate = true,
        wait_for_all = false,
        last_man_standing = false,
        auto_tie_breaker = false,
        allow_downscale = false,
        qdevice_registered = false,
        qdevice_alive = false,
        qdevice_cast_vote = false,
        qdevice_master_wins = false,
      },
    }, info)
  end)

  it("is the same for its id", function()
    local handle = open()
    assert.same(handle:info(), handle:info(NODE))
    assert.same(handle:info(), handle:info(nil))
  end)

  it("names a node that it does not know", function()
    local handle = open()
    for _ = 1, 100 do -- what the daemon answers is whatever its memory holds
      assert.matches("node 4294967295 in votequorum: unknown node id",
        fails("not_exist", handle:info(STRANGER)), 1, true)
    end
    assert.equal(NODE, handle:info().node)
  end)

  it("does not pass the local node off as the quorum device", function()
    assert.matches("node 0 in votequorum", fails("not_exist", open():info(0)), 1, true)
  end)

  it("raises for what is no node id", function()
    local handle = open()
    for _, wrong in ipairs { -1, 0.5, 4294967296, 1e300, math.huge, 0 / 0, "1", {}, true } do
      raises("#1 to 'info' %(node must be a whole number from 0 to 4294967295%)", function() handle:info(wrong) end)
    end
  end)
end)

describe("votes", function()
  after_each(after_changes)

  it("of the local node are set, and what is expected grows with them", function()
    local handle, record = tracker()
    assert.is_true(handle:set_votes(3))
    assert.equal(3, next_expected(handle, record))
    local info = handle:info()
    assert.same({ 3, 3, 3, 2 }, { info.votes, info.total_votes, info.expected_votes, info.quorum })
    assert.is_true(handle:set_votes(2, NODE))
    assert.equal(2, handle:info().votes)
  end)

  it("of a node that is not known are not set", function()
    assert.matches("cannot set the votes of node 4294967295 in votequorum: unknown node id",
      fails("not_exist", open():set_votes(1, STRANGER)), 1, true)
  end)

  it("that would cost the cluster its quorum are refused", function()
    local handle, record = tracker()
    assert(handle:set_votes(4))
    assert.equal(4, next_expected(handle, record))
    assert.matches("cannot set the votes of the local node in votequorum: with these votes",
      fails("invalid_param", handle:set_votes(2)), 1, true)
    assert.matches("the votes of node 1 in", fails("invalid_param", handle:set_votes(0, NODE)), 1, true)
    assert.equal(4, handle:info().votes)
  end)

  it("are never so many that Corosync's quorum wraps around", function()
    local handle, record = tracker()
    for _, votes in ipairs { MOST_VOTES + 1, 4294967294, 4294967295 } do
      assert.matches("cannot set the votes of the local node in votequorum: Corosync counts",
        fails("out_of_range", handle:set_votes(votes)), 1, true)
      fails("out_of_range", handle:set_votes(votes, NODE))
      fails("out_of_range", handle:set_votes(votes, 0))
      assert.matches("cannot set the expected votes of votequorum: Corosync counts",
        fails("out_of_range", handle:set_expected(votes)), 1, true)
    end
    assert(handle:set_votes(MOST_VOTES))
    assert.equal(MOST_VOTES, next_expected(handle, record))
    assert.equal(255, handle:info().quorum)
  end)

  it("raise for what is no number of votes, or no node id", function()
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

  it("that are expected can be set", function()
    local handle, record = tracker()
    assert(handle:set_votes(3))
    assert.equal(3, next_expected(handle, record))
    assert.is_true(handle:set_expected(5))
    assert.equal(5, next_expected(handle, record))
    assert.same({ 5, 5, 3 }, { handle:info().expected_votes, handle:info().highest_expected, handle:info().quorum })
    for _, votes in ipairs { 0, 2, 6, MOST_VOTES } do
      assert.matches("cannot set the expected votes of votequorum: these are fewer",
        fails("invalid_param", handle:set_expected(votes)), 1, true)
    end
    assert.equal(5, handle:info().expected_votes)
  end)

  it("that another program expects are told", function()
    local handle, record = tracker()
    assert(handle:set_votes(3))
    assert.equal(3, next_expected(handle, record))
    os.execute "corosync-quorumtool -e 4 >/dev/null"
    assert.equal(4, next_expected(handle, record))
    assert.equal(4, handle:info().expected_votes)
  end)

  it("of the quorum device are another's than the local node's, and without them quorum goes", function()
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

describe("tracking votequorum", function()
  after_each(after_changes)

  it("tells the present state at first", function()
    local _, record = tracker()
    assert.same({ { quorate = true, nodes = { { node = NODE, state = "member" } } } }, record.quorums)
    assert.equal(1, #record.lists)
    assert.same({ NODE }, record.lists[1].members)
    assert.equal(NODE, record.lists[1].ring.node)
    assert.is_true(record.lists[1].ring.seq > 0)
    assert.same({}, record.expected)
    assert.same({}, record.errors)
  end)

  it("gives receive the same events, once asked to", function()
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

  it("ends, and begins anew", function()
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

  it("goes on past a handler that raises", function()
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
    assert.matches("votequorum_spec.lua:%d+: in a nodelist\nstack traceback:", record.errors[1])
    assert.equal(#seen + 1, #record.errors)
  end)

  it("lets a handler ask, set and close", function()
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

  it("is registered, and there until it is unregistered", function()
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

  it("is alive once it polls with the present ring, and its vote counts when it is cast", function()
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

  it("is told of a ring that is not the present one", function()
    assert(handle:qdevice_register(DEVICE))
    for _, wrong in ipairs { { node = ring.node, seq = ring.seq + 1 }, { node = STRANGER, seq = ring.seq },
      { node = 0, seq = 9007199254740992 } } do
      assert.matches("cannot poll for quorum device 'spec\\039s device': the ring is not the present one",
        fails("message_error", handle:qdevice_poll(DEVICE, true, wrong)), 1, true)
    end
    assert.is_false(flags().qdevice_alive)
  end)

  it("may win alone", function()
    assert(handle:qdevice_register(DEVICE))
    assert.is_true(handle:qdevice_master_wins(DEVICE, true))
    assert.is_true(flags().qdevice_master_wins)
    assert.is_true(handle:qdevice_master_wins(DEVICE, false))
    assert.is_false(flags().qdevice_master_wins)
  end)

  it("gets another name", function()
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
    it("has no name that cannot be one, in " .. call, function()
      assert(handle:qdevice_register(DEVICE))
      assert.matches("1 to 254 bytes", fails("name_too_long", action(("n"):rep(LONGEST_NAME + 1))), 1, true)
      assert.matches("1 to 254 bytes", fails("name_too_long", action(("n"):rep(100000))), 1, true)
      assert.matches("''", fails("invalid_param", action ""), 1, true)
      assert.matches("'a\\000b'", fails("invalid_param", action "a\0b"), 1, true)
      raises("string expected", action, {})
      raises("string expected", action, nil)
    end)
  end

  it("must be registered, and by that name", function()
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

  it("raises for what is no boolean, and for what is no ring", function()
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

-- Every method that needs the connection, and what it may be called with.
local function each_code(handle, action)
  local some = { "x", true, { node = NODE, seq = 1 } }
  local arguments = { set_expected = { 1 }, set_votes = { 1 }, qdevice_register = some, qdevice_unregister = some,
    qdevice_poll = some, qdevice_master_wins = some, qdevice_update = { "x", "y" } }
  for _, method in ipairs { "info", "set_expected", "set_votes", "qdevice_register", "qdevice_unregister",
    "qdevice_update", "qdevice_poll", "qdevice_master_wins", "track", "untrack", "dispatch", "receive", "fetch", "wait",
    "fd" } do
    action(method, select(3, handle[method](handle, (table.unpack or unpack)(arguments[method] or {})))) -- luacheck: ignore
  end
end

describe("a votequorum handle", function()
  it("answers \"closed\" once it is closed", function()
    local handle = open()
    assert.is_true(handle:close())
    assert.is_true(handle:close())
    each_code(handle, function(method, code) assert.equal("closed", code, method) end)
    assert.equal("cannot get the information on the local node in votequorum: the handle is closed",
      select(2, handle:info()))
  end)

  it("is of no use to a fork, whose end leaves the parent's connection working", function()
    local handle, record = tracker()
    local status = process.fork(function()
      local fine = select(3, handle:close()) == "wrong_process"
      each_code(handle, function(_, code) fine = fine and code == "wrong_process" end)
      handle, handles.made = nil, nil
      collectgarbage()
      return fine
    end)
    assert.equal(0, status)
    settle(handle, record)
  end)

  it("is not mistaken for another, nor another for it", function()
    local handle = open()
    assert.error(function() handle.info(io.stdout) end)
    assert.error(function() handle.qdevice_register(assert(cmap.open()), "x") end)
    assert.equal("locked", getmetatable(handle))
  end)
end)
