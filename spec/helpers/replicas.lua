-- Replicas that are left after each spec, and members in programs of their own.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local replica = require "corosync.replica"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local unpack = table.unpack or unpack -- luacheck: ignore 113

local replicas = {}

local DEADLINE = 60
local made, count = {}, 0

-- A name that no replica has had on this Corosync: else the first member would wait for those that may have a state.
function replicas.name()
  count = count + 1
  return ("spec-%.0f-%d"):format(uv.hrtime(), count)
end

-- A new replica, with a name of its own unless one is given, that ends with the spec. Its problems are kept in the list
-- `problems`, if it has one.
function replicas.new(options, name)
  options = options or {}
  local app = assert(replica(name or replicas.name(), options))
  made[#made + 1] = app
  return app
end

-- A machine that appends commands to a list, and returns its length.
function replicas.list(app, name, methods)
  local all = { apply = function(state, command)
    state[#state + 1] = command
    return #state
  end }
  for field, value in pairs(methods or {}) do
    all[field] = value
  end
  return app:machine(name or "list", all)
end

-- A replica with such a machine.
function replicas.listed(options, methods)
  local app = replicas.new(options)
  return replicas.list(app, "list", methods), app
end

-- The private record behind a replica.
function replicas.member(app)
  for key, value in pairs(app) do
    if type(key) == "table" then
      return value
    end
  end
end

-- Waits for something while the events of all replicas are handled: those without a loop, too.
function replicas.eventually(condition, seconds)
  return wait.until_true(function()
    for _, app in ipairs(made) do
      app:dispatch()
    end
    return condition()
  end, seconds or DEADLINE)
end

function replicas.is_ready(app)
  return (app:status()) == "ready"
end

function replicas.ready(app)
  assert(replicas.eventually(function() return replicas.is_ready(app) end), "it is not ready")
end

-- ---- members in programs of their own ----

-- `source`: see spec/helpers/clients/replica_member.lua.
function replicas.argv(name, source)
  return { groups.interpreter, "spec/helpers/clients/replica_member.lua", name, source or "list()" }
end

-- On this node.
function replicas.spawn(name, source)
  return groups.spawn(replicas.argv(name, source))
end

-- Waits until a program has written a line like the pattern, after those that were found before. Returns the captures.
function replicas.hears(program, pattern, seconds)
  program.found = program.found or 0
  local captures
  local function look()
    for i = program.found + 1, #program.lines do
      captures = { program.lines[i]:match(pattern) }
      if captures[1] then
        program.found = i
        return true
      end
    end
    return program.exited
  end
  replicas.eventually(look, seconds)
  if not captures or not captures[1] then
    error(("no line like '%s' in:\n%s\n%s"):format(pattern, table.concat(program.lines, "\n"),
      table.concat(program.errors, "\n")), 2)
  end
  return unpack(captures)
end

-- Runs Lua in a program.
function replicas.run(program, line)
  assert(program:write(line .. "\n"))
end

-- Runs after each spec.
function replicas.clean()
  local left = made
  made = {}
  for _, app in ipairs(left) do
    assert(app:close())
  end
  local function are_gone()
    for _, app in ipairs(left) do
      if select(3, app:dispatch()) ~= "not_joined" then return false end
    end
    return true
  end
  assert(wait.until_true(are_gone, DEADLINE))
  groups.clean()
end

return replicas
