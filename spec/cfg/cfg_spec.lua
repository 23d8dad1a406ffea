local cfg = require "corosync.cfg"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local requests = require "spec.helpers.shutdown_requests"

local open, ask, result = requests.open, requests.ask, requests.result
local tracker, refuse = requests.tracker, requests.refuse

local LUA = os.getenv("LUA"):match "%S+$"

local METHODS = { "local_node", "node_addresses", "node_status", "ring_status", "reload", "reopen_logs", "try_shutdown",
  "reply_shutdown", "kill_node", "track", "untrack", "dispatch", "receive", "fetch", "wait", "fd" }
local ARGUMENTS = { node_addresses = 1, node_status = 1, kill_node = 1, reply_shutdown = false }
local dispatch_until, fails = handles.dispatch_until, handles.fails

local function call(handle, method)
  return handle[method](handle, ARGUMENTS[method])
end

after_each(handles.close_all)

describe("cfg.open", function()
  it("raises for unknown fields and wrong types, naming the field", function()
    assert.error_matches(function() cfg.open { shutdown = print } end, "unknown field 'shutdown'")
    assert.error_matches(function() cfg.open { shutdown_request = 1 } end, "'shutdown_request'")
    assert.error_matches(function() cfg.open { error = {} } end, "'error'")
    assert.error_matches(function() cfg.open(1) end, "table expected")
  end)

  it("fails with a hint when Corosync is not running", function()
    local script = [[local _, message, code = require("corosync.cfg").open() print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(LUA, script))
    local message, code = pipe:read "*l", pipe:read "*l"
    pipe:close()
    assert.matches("cannot reach Corosync's cfg service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)

  it("is in require \"corosync.cfg\" and in require \"corosync\"", function()
    assert.equal(cfg, require("corosync").cfg)
    assert.matches("^corosync.cfg %(open%)", tostring(open()))
  end)
end)

describe("a closed cfg handle", function()
  it("fails with closed in every method", function()
    local handle = open()
    assert.is_true(handle:close())
    assert.is_true(handle:close())
    for _, method in ipairs(METHODS) do
      fails("closed", call(handle, method))
    end
  end)
end)

describe("node status", function()
  it("contains the id, the addresses and the state", function()
    local handle = open()
    assert.equal(1, handle:local_node())
    assert.same({ "10.9.0.1" }, handle:node_addresses(1))
    assert.same({ "10.9.0.1" }, handle:node_addresses(0))
    local status = assert(handle:node_status(1))
    assert.is_true(status.links[1].mtu > 0)
    status.links[1].mtu = nil
    assert.same({ node = 1, reachable = true, remote = false, external = false, onwire_min = 0, onwire_max = 0,
      onwire_version = 0, links = { { link = 0, enabled = true, connected = true, dynconnected = false,
        source = "10.9.0.1" } } }, status)
    assert.same({ { interface = "0 10.9.0.1", status = "OK" } }, handle:ring_status())
  end)

  it("fails for a node that does not exist", function()
    local handle = open()
    assert.matches("cannot get the addresses of node 7: ", fails("not_exist", handle:node_addresses(7)), 1, true)
    assert.matches("cannot kill node 4294967295: ", fails("not_exist", handle:kill_node(4294967295, "gone")), 1, true)
    -- With this transport Corosync returns an address for any node.
    assert.is_false(handle:node_status(7).reachable)
    assert.same({}, handle:node_status(7).links)
  end)

  it("is not mixed up between nodes whose ids end in the same 16 bits", function()
    fails("not_exist", open():node_status(65537))
  end)

  it("raises for a node id outside 0 to 4294967295", function()
    local handle = open()
    for _, method in ipairs { "node_addresses", "node_status", "kill_node" } do
      for _, node in ipairs { -1, 1.5, 4294967296, 2 ^ 63, 1 / 0, 0 / 0, "1", true, {} } do
        assert.error_matches(function() handle[method](handle, node) end,
          "node must be a whole number from 0 to 4294967295", nil, nil)
      end
      assert.error_matches(function() handle[method](handle) end, "node must be a whole number")
    end
  end)
end)

describe("arguments of cfg methods", function()
  it("raise when of the wrong type, naming the argument", function()
    local handle = open()
    assert.error_matches(function() handle:kill_node(7, ("x"):rep(256)) end, "longer than 255 bytes")
    assert.error_matches(function() handle:kill_node(7, "a\0b") end, "zero bytes")
    assert.error_matches(function() handle:kill_node(7, {}) end, "string expected")
    assert.error_matches(function() handle:reply_shutdown() end, "boolean expected")
    assert.error_matches(function() handle:reply_shutdown "yes" end, "boolean expected")
    assert.error_matches(function() handle:try_shutdown "now" end, "'now'")
    fails("not_exist", handle:kill_node(7, ("x"):rep(255)))
  end)
end)

describe("cfg.reload and cfg.reopen_logs", function()
  it("succeed on the local daemon", function()
    local handle = open()
    assert.is_true(handle:reload())
    assert.is_true(handle:reopen_logs())
  end)
end)

describe("a cfg handle in a forked child", function()
  it("fails in every method; the parent's connection still works after the child ends", function()
    local handle, record = tracker(refuse)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    assert.equal("busy", (result(asker)))
    local status = process.fork(function()
      local refused = 0
      for _, method in ipairs(METHODS) do
        refused = refused + (select(3, call(handle, method)) == "wrong_process" and 1 or 0)
      end
      refused = refused + (select(3, handle:close()) == "wrong_process" and 1 or 0)
      handle, handles.made = nil, nil
      collectgarbage()
      return refused == #METHODS + 1
    end)
    assert.equal(0, status)
    assert.equal(1, handle:local_node())
    asker = ask()
    dispatch_until(handle, function() return #record.kinds == 2 end)
    assert.equal("busy", (result(asker)))
  end)
end)
