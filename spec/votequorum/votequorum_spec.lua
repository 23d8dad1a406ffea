local cmap = require "corosync.cmap"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local votequorum = require "corosync.votequorum"
local node = require "spec.helpers.votequorum_node"

local open, tracker, settle, raises = node.open, node.tracker, node.settle, node.raises

local NODE, STRANGER = 1, 4294967295

local fails = handles.fails

after_each(handles.close_all)

-- Every method that needs the connection, and valid arguments for it.
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

describe("votequorum.open", function()
  it("is in require \"corosync\"", function()
    assert.equal(votequorum, require("corosync").votequorum)
  end)

  it("raises for unknown fields and for handlers that are not functions, naming them", function()
    raises("unknown field 'quorum_chang'", votequorum.open, { quorum_chang = print })
    raises("'nodelist_change' is a number", votequorum.open, { nodelist_change = 1 })
    raises("'expected_votes_change'", votequorum.open, { expected_votes_change = {} })
    raises("'error'", votequorum.open, { error = "no" })
    raises("table expected", votequorum.open, 1)
  end)

  it("fails with a hint when Corosync is not running", function()
    local script = [[local _, message, code = require("corosync.votequorum").open() print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's votequorum service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)

  it("reports nothing without a handler", function()
    local handle = open { error = print }
    assert.is_false(handle:fetch(0.01))
  end)
end)

describe("votequorum info", function()
  it("describes the local node", function()
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

  it("is the same for the local node's id", function()
    local handle = open()
    assert.same(handle:info(), handle:info(NODE))
    assert.same(handle:info(), handle:info(nil))
  end)

  it("fails for an unknown node, naming it", function()
    local handle = open()
    for _ = 1, 100 do -- the daemon returns uninitialized memory
      assert.matches("node 4294967295 in votequorum: unknown node id",
        fails("not_exist", handle:info(STRANGER)), 1, true)
    end
    assert.equal(NODE, handle:info().node)
  end)

  it("does not return the local node for the quorum device", function()
    assert.matches("node 0 in votequorum", fails("not_exist", open():info(0)), 1, true)
  end)

  it("raises for an invalid node id", function()
    local handle = open()
    for _, wrong in ipairs { -1, 0.5, 4294967296, 1e300, math.huge, 0 / 0, "1", {}, true } do
      raises("#1 to 'info' %(node must be a whole number from 0 to 4294967295%)", function() handle:info(wrong) end)
    end
  end)
end)

describe("a votequorum handle", function()
  it("fails with closed after close", function()
    local handle = open()
    assert.is_true(handle:close())
    assert.is_true(handle:close())
    each_code(handle, function(method, code) assert.equal("closed", code, method) end)
    assert.equal("cannot get the information on the local node in votequorum: the handle is closed",
      select(2, handle:info()))
  end)

  it("fails in a forked child; the parent's connection still works after the child ends", function()
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

  it("is not confused with other types of handle", function()
    local handle = open()
    assert.error(function() handle.info(io.stdout) end)
    assert.error(function() handle.qdevice_register(assert(cmap.open()), "x") end)
    assert.equal("locked", getmetatable(handle))
  end)
end)
