local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"

describe("a group after its daemon is killed", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)
  before_each(function()
    if not cluster:members(1) then assert(cluster:restart(1)) end
  end)

  -- A script in the node; it reads a line before it goes on.
  local function start(body)
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync" ]] .. body }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 60))
    assert.equal("ready", program.lines[1], table.concat(program.errors, "\n"))
    return program
  end

  local function finish(program)
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(60)), table.concat(program.errors, "\n"))
    return program.lines
  end

  it("fails at once and reconnects until it is deactivated", function()
    local program = start [[
      local reason
      local group = corosync.group("spec", { disconnected = function(why) reason = why end })
      assert(group:activate() and group:send_message "x")
      local own = group:address()
      print "ready"
      io.read()
      local function code(ok, _, what) return tostring(ok) .. " " .. tostring(what) end
      print("send", code(group:send_message "y"))
      assert(group:wait_for(function() return reason end, 60))
      print("wait", code(group:wait_for(function() end, 0.5)))
      print("reason", type(reason))
      print("active", group:is_active())
      print("send", code(group:send_message "z"))
      print("members", code(group:members()))
      print("view", code(group:view()))
      print("address", group:address() == own)
      print("activate", group:activate())
      print("deactivate", group:deactivate())
      print("active", group:is_active())
      print("address", code(group:address()))
      print("activate", code(group:activate())) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "send\tnil not_connected", "wait\tnil timeout", "reason\tstring", "active\ttrue",
      "send\tnil not_connected", "members\tnil not_connected", "view\tnil not_connected", "address\ttrue",
      "activate\ttrue", "deactivate\ttrue", "active\tfalse", "address\tnil not_connected",
      "activate\tnil not_connected" }, finish(program))
  end)

  it("can be deactivated", function()
    local program = start [[
      local group = corosync.group("spec", { disconnected = print })
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      print(group:deactivate())
      print(group) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "true", "corosync.group 'spec' (idle)" }, finish(program))
  end)

  it("calls the class's disconnected method", function()
    local program = start [[
      local Class = {}
      Class.__index = Class
      function Class:disconnected(reason)
        self.reason = reason
        print(self.name, type(reason))
      end
      local group = corosync.group("spec", Class)
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      group:wait_for(function() return group.reason end, 60) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "spec\tstring" }, finish(program))
  end)

  it("reports the disconnect as an error when there is no handler", function()
    local program = start [[
      local reported
      local group = corosync.group("spec", { error = function(message)
        reported = true
        print("error", type(message))
      end })
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      group:wait_for(function() return reported end, 60) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "error\tstring" }, finish(program))
  end)

  it("survives disconnected handlers that raise", function()
    local program = start [[
      local reported
      local group = corosync.group("spec", {
        disconnected = function() error "mine" end,
        error = function(message)
          reported = true
          print(message:match "mine\nstack traceback")
          error "again"
        end,
      })
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      assert(group:wait_for(function() return reported end, 60))
      print(select(3, group:wait_for(function() end, 0.5)))
      print(group) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "mine", "stack traceback", "timeout", "corosync.group 'spec' (reconnecting)" },
      finish(program))
    assert.matches("again", table.concat(program.errors, "\n"))
  end)

  it("returns cluster information again after the daemon's restart and works", function()
    local program = start [[
      local received, joins = nil, 0
      local group = corosync.group("spec", {
        config_change = function(_, _, joined) joins = joins + #joined end,
        disconnected = function() end,
        message_received = function(_, message) received = message end,
      })
      assert(group:activate() and group:send_message "x")
      assert(group:is_quorate() and group:cmap_get "totem.version")
      print "ready"
      io.read()
      print(select(3, group:is_quorate()), select(3, group:cmap_get "totem.version"))
      io.read()
      print(assert(group:is_quorate()) and group:cmap_get "totem.version")
      print(group:wait_for(function() return joins == 2 end, 60))
      assert(group:send_message "back")
      print(group:wait_for(function() return received == "back" end, 60)) ]]
    assert(cluster:kill(1))
    assert(program:write "\n")
    assert(cluster:wait_for(function() return program.lines[2] or program.exited end, 60))
    assert(cluster:restart(1))
    assert.same({ "ready", "not_connected\tnot_connected", "2", "true", "true" },
      finish(program))
  end)
end)

describe("a group on a broken ring", function()
  local TOKEN = 5000
  local cluster

  setup(function()
    cluster = assert(lab.start { nodes = 2, token = TOKEN })
  end)
  teardown(function() assert(cluster:stop()) end)

  -- Nothing is delivered from the death of a member until the token is missed.
  it("waits at most for its timeout", function()
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync"
      local now = require("corosync.core").now
      local joined = 0
      local group = corosync.group("spec", {})
      local late = corosync.group("late", { config_change = function() joined = joined + 1 end })
      assert(group.timeout == 10 and group:activate() and group:send_message "x")
      print "ready"
      io.read()
      group.timeout, late.timeout = 0.4, 0.4
      assert(late:activate())
      local function timed(what, action, ...)
        local from = now()
        local ok, message, code = action(...)
        local took = now() - from
        print(what, ok, code, took >= 0.4 and took < 2 or took)
        return message
      end
      print((timed("join", late.send_message, late, "x"):gsub("^.*:", "")))
      local function flood()
        while true do
          local ok, message, code = group:send_message(("x"):rep(100000))
          if not ok then return ok, message, code end
        end
      end
      print((timed("send", flood):gsub("^.-: ", ""):gsub(":.*", "")))
      print("joined", joined, late:is_active())
      late.timeout = 60
      print(late:send_message "x", joined) ]] }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 60))
    assert(cluster:kill(2))
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(120)), table.concat(program.errors, "\n"))
    assert.same({ "ready", "join\tnil\ttimeout\ttrue", " not within 0.4 s", "send\tnil\ttimeout\ttrue", "after 0.4 s",
      "joined\t0\ttrue", "true\t1" }, program.lines)
  end)
end)
