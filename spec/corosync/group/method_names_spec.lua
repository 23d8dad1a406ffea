-- Classes of users whose methods have the names that the library uses itself.
local KEY = require "corosync.private"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local process = require "spec_process"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local Group, loop = corosync.Group, corosync.loop

-- Names that a class gives a meaning to, and Lua's own.
local MEANINGFUL = {}
for _, name in ipairs { "config_change", "message_received", "view_change", "ring_change", "disconnected", "lagged",
  "error", "settle", "__index", "__tostring", "_G" } do
  MEANINGFUL[name] = true
end

-- Every name of a field or a method in the sources of groups and of the modules that they use; also as a private field.
local function names()
  local found = {}
  local files = io.popen "ls lua/corosync/*.lua lua/corosync/group/*.lua lua/corosync/history/*.lua lua/cpgrun/host.lua"
  for path in files:lines() do
    for line in io.lines(path) do
      for name in line:gmatch "[%w_%]]+[.:]([%a_][%w_]*)" do
        found[name], found["_" .. name] = true, true
      end
    end
  end
  files:close()
  for name in pairs(Group) do
    found[name] = true
  end
  for name in pairs(MEANINGFUL) do
    found[name] = nil
  end
  return found
end

local calls

-- A class with a method of each name, which is never to be called.
local function hostile_class()
  local Class = {}
  Class.__index = Class
  for name in pairs(names()) do
    Class[name] = function() calls[#calls + 1] = name end
  end
  function Class:config_change(_, _, joined) self.seen.joins = self.seen.joins + #joined end
  function Class:message_received(_, message) self.seen.message = message end
  function Class:view_change(view) self.seen.view = view end
  function Class:ring_change() self.seen.ring = true end
  function Class:disconnected() self.seen.losses = self.seen.losses + 1 end
  function Class:lagged() self.seen.lagged = true end
  function Class:error(message) self.seen.problem = message end
  return Class
end

local group

local function new()
  calls = {}
  group = corosync.group(groups.name(), hostile_class())
  group.seen = { joins = 0, losses = 0 }
  return group
end

local function eventually(condition, turn)
  assert(wait.until_true(function()
    turn(group)
    return condition()
  end, 60))
end

local function is_idle() return group[KEY].state == "idle" end

-- Join, view, send, receive, reconnect and leave, where `turn` handles events.
local function live(turn)
  local seen = group.seen
  eventually(function() return seen.joins == 1 and seen.view ~= nil end, turn)
  assert(Group.send_message(group, "one"))
  eventually(function() return seen.message == "one" end, turn)
  assert.equal(1, #assert(Group.members(group)))
  assert.equal(1, #assert(Group.view(group)).members)
  assert(Group.wait_for(group, function() return true end))
  assert(process.shutdown(group[KEY].handle:fd()))
  eventually(function() return seen.losses == 1 and seen.joins == 2 end, turn)
  assert(Group.send_message(group, "two"))
  eventually(function() return seen.message == "two" end, turn)
  assert(Group.deactivate(group))
  eventually(is_idle, turn)
  assert.is_nil(seen.problem)
  assert.same({}, calls)
end

describe("a class with methods of all names that the library uses", function()
  after_each(function()
    if group and not is_idle() then
      Group.deactivate(group)
      wait.until_true(function() return is_idle() or not Group.dispatch(group) end, 60)
    end
    group = nil
    program.clean()
  end)
  teardown(program.remove)

  it("is tried with many names", function()
    local found = names()
    for _, name in ipairs { "dispatch", "_views", "_previous", "_handle", "state", "hooks", "activate", "fd" } do
      assert.is_true(found[name], name)
    end
  end)

  it("works by dispatch", function()
    new()
    assert(Group.activate(group))
    live(Group.dispatch)
  end)

  it("works by step", function()
    new()
    assert(Group.activate(group))
    live(Group.step)
  end)

  it("works in the loop", function()
    new()
    assert(loop.add(group))
    live(function()
      local timer = uv.new_timer()
      timer:start(20, 0, function()
        timer:close()
        loop.stop()
      end)
      loop.run()
    end)
  end)

  it("works in cpgrun, where a script may give its group such fields", function()
    local script = { "local function trap() error 'called' end" }
    for name in pairs(names()) do
      if name:match "^[%a_][%w_]*$" and not corosync.Group[name] and name ~= "name" and name ~= "timeout" then
        script[#script + 1] = ("group[%q] = trap"):format(name)
      end
    end
    script[#script + 1] = [[
      for name in pairs(require("corosync").Group) do
        if type(name) == "string" and name ~= "send_message" and name ~= "settle" then group[name] = trap end
      end
      function started() group:send_message "hello" end
      function message_received(_, message) print(message) require("corosync").loop.stop() end
      function stopping() print "stopping" end
    ]]
    local code, out, err = program.run("cpgrun", program.file("hostile.lua", table.concat(script, "\n")))
    assert.equal("hello\nstopping", out, err)
    assert.equal(0, code)
    assert.is_nil(err:find "called", err)
  end)
end)

describe("the values that a group returns", function()
  after_each(groups.clean)

  it("are those that are documented", function()
    local it = groups.joined()
    assert.equal(1, select("#", it:address()))
    assert.equal(1, select("#", it:members()))
    assert.equal(2, select("#", it:cmap_get "totem.version"))
    assert.equal(1, select("#", it:is_quorate()))
    assert.equal(1, select("#", it:activate()))
    assert.equal(2, select("#", it:dispatch()))
    assert.equal(1, select("#", it:step()))
    assert.equal(1, select("#", it:send_message "m"))
    assert.equal(1, select("#", it:deactivate()))
  end)
end)
