-- Groups that are left after each spec, and members in programs of their own.
local assert = require "luassert"
local corosync = require "corosync"
local kill = require("spec.helpers.program").kill
local tools = require "corosync.lab.tools"
local process = require "corosync.lab.process"
local wait = require "corosync.lab.wait"

local groups = { interpreter = os.getenv("LUA"):match "%S+$" }

local DEADLINE = 60
local made, programs, count = {}, {}, 0

function groups.name()
  count = count + 1
  return "spec-" .. count
end

--- A new group, with a name of its own unless one is given.
function groups.new(handlers, name)
  local group = corosync.group(name or groups.name(), handlers or {})
  made[#made + 1] = group
  return group
end

function groups.state(group)
  return tostring(group):match "%((%a+)%)$"
end

--- Waits for something while the events of all groups and of luv are handled.
function groups.eventually(condition, seconds)
  return wait.until_true(function()
    for _, group in ipairs(made) do
      if groups.state(group) ~= "idle" then
        group:dispatch()
      end
    end
    return condition()
  end, seconds or DEADLINE)
end

--- Waits until a group is in that state.
function groups.reaches(group, state)
  return groups.eventually(function() return groups.state(group) == state end)
end

--- A new group that has joined.
function groups.joined(handlers, name)
  local group = groups.new(handlers, name)
  assert(group:activate())
  assert(groups.reaches(group, "joined"))
  return group
end

--- Starts a program on this node, which ends with the spec.
function groups.spawn(argv)
  local program = assert(process.spawn(argv, { env = tools.environment() }))
  programs[#programs + 1] = program
  return program
end

function groups.member_argv(name)
  return { groups.interpreter, "spec/helpers/clients/member.lua", name }
end

--- Whether a program has written a line that is that text.
function groups.has_line(program, text)
  for _, line in ipairs(program.lines) do
    if line == text then
      return true
    end
  end
  return false
end

--- The address of a member in a program of its own, as text, once it has joined.
function groups.address_of(program)
  local own
  assert(groups.eventually(function()
    for _, line in ipairs(program.lines) do
      own = own or line:match "^came (%d+:%d+)=join$"
    end
    return own
  end), table.concat(program.errors, "\n"))
  return own
end

--- A member in a program of its own on this node, and its address as text.
function groups.member(name)
  local program = groups.spawn(groups.member_argv(name))
  return program, groups.address_of(program)
end

--- Runs after each spec.
function groups.clean()
  local left, ended = made, programs
  made, programs = {}, {}
  kill(ended)
  for _, group in ipairs(left) do
    assert(group:deactivate())
    made[1] = group
    assert(groups.reaches(group, "idle"))
  end
  made[1] = nil
end

-- Fails with nil, a message and that code.
function groups.refused(code, ok, message, got)
  assert.is_nil(ok)
  assert.equal("string", type(message))
  assert.equal(code, got)
  return message
end

-- An address's reason is that of the latest event, so it is kept as it is now.
function groups.with_reasons(addresses)
  local list = {}
  for i, address in ipairs(addresses) do
    list[i] = { address = address, reason = address.reason }
  end
  return list
end

-- Handlers that record their arguments.
function groups.recorder()
  local seen = { configs = {}, messages = {} }
  return {
    config_change = function(members, left, came)
      table.insert(seen.configs,
        { members = members, left = groups.with_reasons(left), joined = groups.with_reasons(came) })
    end,
    message_received = function(address, message)
      seen.messages[#seen.messages + 1] = { address = address, text = message }
    end,
  }, seen
end

function groups.texts(seen)
  local list = {}
  for i, message in ipairs(seen.messages) do
    list[i] = message.text
  end
  return list
end

return groups
