-- Groups whose events are handled one at a time in a coroutine.
local KEY = require "corosync.private"
local core = require "corosync.core"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"

-- Yields across pcall, which returns false at once in Lua 5.1.
local may_yield = select("#", coroutine.wrap(function() return pcall(coroutine.yield) end)()) == 0

-- Steps until something holds; not with `groups.eventually`, which dispatches.
local function step_until(group, predicate)
  local deadline = core.now() + 60
  while not predicate() do
    assert(core.now() < deadline, "timed out")
    if not group:step() and groups.state(group) ~= "idle" then
      group[KEY].handle:wait(0.1)
    end
  end
end

local function stepped(given)
  local group = groups.new(given)
  assert(group:activate())
  step_until(group, function() return groups.state(group) == "joined" end)
  return group
end

describe("group:step", function()
  after_each(groups.clean)

  it("delivers the same events in the same order as dispatch", function()
    local heard, changes = {}, {}
    local group = stepped {
      config_change = function(members, left, joined) changes[#changes + 1] = { #members, #left, #joined } end,
      message_received = function(address, message) heard[#heard + 1] = { address, message } end,
    }
    for i = 1, 300 do assert(group:send_message(tostring(i))) end
    step_until(group, function() return #heard == 300 end)
    assert.is_false(group:step())
    for i, each in ipairs(heard) do assert.same({ group:address(), tostring(i) }, each) end
    assert.same({ { 1, 0, 1 } }, changes)
    assert(group:deactivate())
    step_until(group, function() return groups.state(group) == "idle" end)
    assert.same({ { 1, 0, 1 }, { 0, 1, 0 } }, changes)
    handles.fails("not_joined", group:step())
  end)

  it("calls a class's methods and reports errors", function()
    local Class = { errors = {}, heard = {} }
    Class.__index = Class
    function Class:message_received(_, message)
      self.heard[#self.heard + 1] = message
      error "mine"
    end
    function Class:error(message) self.errors[#self.errors + 1] = message end
    local group = stepped(Class)
    assert(group:send_message "one")
    assert(group:send_message "two")
    step_until(group, function() return #group.heard == 2 end)
    assert.same({ "one", "two" }, group.heard)
    assert.equal(2, #group.errors)
    assert.matches("step_spec.lua:%d+: mine.*traceback", group.errors[1])
  end)

  it("lets a handler yield and handles no other event until it returns", function()
    if not may_yield then return end
    local heard = {}
    local group = stepped {
      message_received = function(_, message)
        coroutine.yield()
        heard[#heard + 1] = message
      end,
    }
    assert(group:send_message "one")
    assert(group:send_message "two")
    local go_on = coroutine.wrap(function()
      step_until(group, function() return #heard == 2 end)
      return "done"
    end)
    go_on()
    handles.fails("dispatching", group:step())
    handles.fails("dispatching", group:dispatch())
    assert.same({}, heard)
    go_on()
    assert.same({ "one" }, heard)
    assert.equal("done", go_on())
    assert.same({ "one", "two" }, heard)
  end)

  it("continues after a yielded handler's coroutine was dropped", function()
    if not may_yield then return end
    local heard = {}
    local group = stepped {
      message_received = function(_, message)
        if message == "one" then coroutine.yield() end
        heard[#heard + 1] = message
      end,
    }
    assert(group:send_message "one")
    assert(group:send_message "two")
    coroutine.wrap(function() step_until(group, function() return #heard == 2 end) end)()
    handles.fails("dispatching", group:step())
    collectgarbage()
    collectgarbage()
    step_until(group, function() return #heard == 1 end)
    assert.same({ "two" }, heard)
  end)

  it("completes a leave whose coroutine was dropped", function()
    if not may_yield then return end
    local group = stepped { config_change = function(_, left) if #left > 0 then coroutine.yield() end end }
    assert(group:deactivate())
    coroutine.wrap(function() step_until(group, function() return groups.state(group) == "idle" end) end)()
    assert.equal("left", groups.state(group))
    collectgarbage()
    collectgarbage()
    assert.is_true(group:step())
    assert.equal("idle", groups.state(group))
    assert(group:activate())
    step_until(group, function() return groups.state(group) == "joined" end)
  end)

  it("fails inside a handler called by dispatch, also the handler of the group's leave", function()
    local codes = {}
    local group
    group = groups.joined { config_change = function(_, left)
      if #left > 0 then codes[1] = select(3, group:step()) end
    end }
    assert(group:deactivate())
    assert(groups.reaches(group, "idle"))
    assert.same({ "dispatching" }, codes)
  end)

  it("handles no other event while the error handler runs", function()
    local heard, refused, group = {}, nil, nil
    group = stepped {
      message_received = function(_, message)
        heard[#heard + 1] = message
        error "mine"
      end,
      error = function() refused = { group:step() } end,
    }
    assert(group:send_message "one")
    assert(group:send_message "two")
    step_until(group, function() return #heard == 1 end)
    handles.fails("dispatching", refused[1], refused[2], refused[3])
    step_until(group, function() return #heard == 2 end)
  end)

  it("continues after the error handler raises", function()
    local heard, complaints = 0, {}
    local group = stepped {
      message_received = function()
        heard = heard + 1
        error(setmetatable({}, { __tostring = function() return {} end }))
      end,
      error = function() error "and again" end,
    }
    group[KEY].hooks.log = function(line)
      complaints[#complaints + 1] = line
      error("nobody to tell", 0)
    end
    assert(group:send_message "one")
    assert(group:send_message "two")
    for _ = 1, 2 do
      assert.error_matches(function() step_until(group, function() return heard == 3 end) end, "nobody to tell")
    end
    assert.equal(2, heard)
    assert.matches("and again.*, after: .*error object is a table value", complaints[2])
  end)

  it("delivers views, also under load", function()
    local views, heard = {}, 0
    local group = stepped {
      view_change = function(view) views[#views + 1] = view end,
      message_received = function() heard = heard + 1 end,
    }
    for _ = 1, 250 do assert(group:send_message "x") end
    step_until(group, function() return heard >= 200 and #views > 0 end)
    assert.same({ group:address() }, views[1].members)
    step_until(group, function() return heard == 250 end)
  end)
end)
