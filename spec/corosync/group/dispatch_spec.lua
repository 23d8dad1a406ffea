local groups = require "spec.helpers.groups"
local uv = require "luv"

local refused, recorder = groups.refused, groups.recorder

local eventually, joined, reaches = groups.eventually, groups.joined, groups.reaches

describe("group:dispatch and group:wait_for", function()
  after_each(groups.clean)

  it("call the handlers that the table contains at that time", function()
    local calls, handlers = {}, {}
    function handlers.message_received(_, message)
      calls[#calls + 1] = "first " .. message
      handlers.message_received = function(_, later) calls[#calls + 1] = "second " .. later end
    end
    local group = joined(handlers)
    assert(group:send_message "a")
    assert(group:send_message "b")
    assert(eventually(function() return #calls == 2 end))
    handlers.message_received = nil
    assert(group:send_message "c")
    handlers.config_change = function() calls[#calls + 1] = "config" end
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.same({ "first a", "second b", "config" }, calls)
  end)

  it("survive a handler that raises", function()
    local problems, received = {}, {}
    local group = joined {
      config_change = function() error "config trouble" end,
      message_received = function(_, message)
        received[#received + 1] = message
        if message == "bad" then error({}) end
      end,
      error = function(message) problems[#problems + 1] = message end,
    }
    assert(group:send_message "bad")
    assert(group:send_message "good")
    assert(eventually(function() return #received == 2 end))
    assert.same({ "bad", "good" }, received)
    assert.equal(2, #problems)
    assert.matches("dispatch_spec.lua:%d+: config trouble\nstack traceback:", problems[1])
    assert.equal("string", type(problems[2]))
    assert.is_true(group:is_active())
  end)

  it("survive an error handler that raises", function()
    local program = groups.spawn { groups.interpreter, "-e", [[
      local corosync = require "corosync"
      local received = 0
      local group = corosync.group("spec-raising", {
        message_received = function() received = received + 1 error "first" end,
        error = function() error "second" end,
      })
      assert(group:activate() and group:send_message "a" and group:send_message "b")
      assert(group:wait_for(function() return received == 2 end))
      print "both" ]] }
    assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
    assert.same({ "both" }, program.lines)
    assert.matches("second.*first", table.concat(program.errors, "\n"))
  end)

  it("handle the group's events while waiting for a condition", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:send_message "x")
    assert.is_true(group:wait_for(function() return #seen.messages == 1 end, 60))
    local from = uv.hrtime()
    local message = refused("timeout", group:wait_for(function() return false end, 0.1, "find the moon in"))
    assert.is_true((uv.hrtime() - from) / 1e9 >= 0.1)
    assert.matches("cannot find the moon in group '.*': not within 0.1 s", message)
  end)

  it("time out while messages keep arriving", function()
    local pause, handled = 0.001, 0
    local group = joined {
      message_received = function()
        handled = handled + 1
        local from = uv.hrtime()
        repeat until uv.hrtime() - from >= pause * 1e9
      end,
    }
    for _ = 1, 2000 do assert(group:send_message "more") end
    refused("timeout", group:wait_for(function() return false end, 0 / 0))
    refused("timeout", group:wait_for(function() return handled == 2000 end, 0.2))
    pause = 0
  end)

  it("fail inside the group's own handler", function()
    local group, outcome
    group = joined { message_received = function() outcome = { group:wait_for(function() end, 1) } end }
    assert(group:send_message "x")
    assert(eventually(function() return outcome end))
    assert.equal("dispatching", outcome[3])
    assert.is_true(group:is_active())
  end)
end)
