--- Scripts for cpgrun: the global functions that a script may define, with at least one handler unless it makes a
-- replica, and the globals that it can use. See `man cpgrun`.
-- @script cpgrun

--- Called when the membership has changed.
-- @function config_change
-- @tparam corosync.cpg.address[] members
-- @tparam corosync.cpg.address[] left
-- @tparam corosync.cpg.address[] joined

--- Called when a member, perhaps this one, has sent a message.
-- @function message_received
-- @tparam corosync.cpg.address address
-- @tparam string message

--- Called when members, ring and quorum agree after a change.
-- @function view_change
-- @tparam corosync.group.view view

--- Called when totem's membership has changed.
-- @function ring_change
-- @tparam corosync.cpg.ring ring
-- @tparam integer[] nodes ids

--- Called when the quorum, or the nodes that it counts, have changed.
-- @function quorum_change
-- @tparam boolean|nil quorate nil when Corosync has no quorum provider
-- @tparam integer[] members node ids

--- Called once the script has joined its group.
-- @function started

--- Called before the script leaves its group and ends.
-- @function stopping

--- Called before another version of the script takes over, see [Reloading](../topics/scripts.md.html#reloading).
-- @function before_reload
-- @return what `after_reload` of that version gets

--- Called instead of `started` when this version of the script has taken over.
-- @function after_reload
-- @param state what `before_reload` of the earlier version returned

--- Called when the connection to Corosync is lost. The group, `cmap` and `quorum` reconnect by themselves.
-- @function disconnected
-- @tparam string reason

--- Called when handlers lag.
-- @function lagged
-- @tparam number seconds the age of the oldest waiting event
-- @tparam integer events the number of waiting events
-- @tparam integer bytes their size

--- Called for each line of standard input, if the script defines it before its file ends.
-- @function line_received
-- @tparam string|nil line nil at the end of the input

--- Calls a function once, after some time, as a coroutine.
-- @function after
-- @tparam number seconds
-- @tparam fun() f
-- @treturn fun() cancels it

--- Calls a function of this process again and again, each time as a coroutine. For one call in the whole group see
-- `every`.
-- @function periodically
-- @tparam number seconds at least 0.001
-- @tparam fun() f
-- @treturn fun() ends it

--- Waits in a coroutine, while others go on.
-- @function sleep
-- @tparam number seconds
-- @raise outside of a coroutine

--- Writes to cpgrun's log: `log.debug`, `log.info`, `log.warn` and `log.error` take a text, or a format and values as
-- `string.format`.
-- @tfield table log

--- The metrics of the script itself: `metrics.counter`, `metrics.gauge` and `metrics.histogram` make them.
-- @tfield cpgrun.metrics metrics

--- JSON by dkjson, if that is installed: `json.encode(value)` returns a string, `json.decode(text)` a value, or nil and
-- a message.
-- @tfield table json

--- The script's group.
-- @tfield corosync.group.Group group

--- The script's own guarantees, for `cpgrun check`: `check.unique(kind, value)`, `check.holds(name, token)`,
-- `check.released(name)` and `check.operation(fields)` are the functions of `corosync.history` for the script's group.
-- They do nothing otherwise. See [Checking](../topics/checking.md.html).
-- @tfield table check

--- The name of the group, when the script sets it. The default is the name of its file.
-- @tfield string|nil group_name

--- Packs messages if the script sets it before its first send: true, or a table as for @{corosync.cpg}'s open. All
-- members of a group must pack, or none.
-- @tfield boolean|table|nil pack

--- The connection to the configuration map.
-- @tfield corosync.service.Service|corosync.cmap.map cmap

--- The connection to quorum.
-- @tfield corosync.service.Service|corosync.quorum.handle quorum

--- Returns the map of a name. This and the next four globals are methods of a replica with the group's name, which is
-- made when the first of them is called. They raise an error if Corosync cannot be reached.
-- @function map
-- @tparam string name
-- @treturn corosync.replica.map

--- Returns the lock of a name.
-- @function lock
-- @tparam string name
-- @treturn corosync.replica.lock

--- Stands for election. See a replica's `leader`.
-- @function leader
-- @tparam string name
-- @tparam[opt] {elected:fun(token:integer),deposed:fun(reason:string)|nil} handlers
-- @treturn corosync.replica.leader

--- Runs a function again and again, each time on one of the members. See a replica's `every`.
-- @function every
-- @tparam string name
-- @tparam number|table spec seconds, or `{ at = "02:30" }`
-- @tparam fun(tick:integer,token:integer,missed:integer) f

--- Lets the members call functions of each other.
-- @function calls
-- @tparam table functions by name
-- @treturn corosync.replica.calls.Calls

--- The script's arguments.
-- @tfield string[] arg
local core = require "corosync.binding"
local is_near = require("corosync.suggest").is_near
local log = require "cpgrun.log"
local script_calls = require "corosync.script_calls"
local traceback = require "corosync.traceback"

local script = {}

local HANDLERS = { "config_change", "message_received", "quorum_change", "ring_change", "view_change" }
local unpack = table.unpack or unpack -- luacheck: ignore 113
local FUNCTIONS = { "after_reload", "before_reload", "disconnected", "lagged", "line_received", "started", "stopping",
  unpack(HANDLERS) }

-- Calls a function of the script. Returns true, or false and a message with a traceback.
function script.protected(handler)
  return xpcall(handler, traceback)
end

-- Loads and runs the file with the arguments as `arg`. Returns true, or nil and a message with file and line.
function script.load(path, arguments)
  local chunk, message = loadfile(path)
  if not chunk then
    return nil, message
  end
  -- The modules in the script's folder, after all others.
  package.path = package.path .. ";" .. core.absolute_path(path):match "^(.*/)" .. "?.lua"
  _G.arg = { [0] = path }
  for i, argument in ipairs(arguments) do
    _G.arg[i] = argument
  end
  return script.protected(function() return script_calls.limited(chunk, unpack(arguments)) end)
end

local function check_function(path, name)
  local handler = rawget(_G, name)
  if handler ~= nil and type(handler) ~= "function" then
    return nil, ("%s:1: '%s' is a %s, not a function"):format(path, name, type(handler))
  end
  return true
end

-- A replica has handlers of its own.
local function has_replica()
  local handover = package.loaded["corosync.replica.handover"]
  return handover ~= nil and handover.has_replica()
end

local function has_handler()
  for _, name in ipairs(HANDLERS) do
    if rawget(_G, name) then
      return true
    end
  end
  return false
end

local function check_handlers(path)
  for _, name in ipairs(FUNCTIONS) do
    local ok, message = check_function(path, name)
    if not ok then
      return nil, message
    end
  end
  if not has_handler() and not has_replica() then
    return nil, ("%s:1: the script defines no handler: define config_change(members, left, joined), "
      .. "message_received(address, message), view_change, ring_change or quorum_change, or make a replica: call map, "
      .. "lock, leader, every or calls")
      :format(path)
  end
  return true
end

-- A table of global functions with mistyped names, by the names that were meant.
local function misspelt()
  local found = {}
  for name, value in pairs(_G) do
    for _, meant in ipairs(type(name) == "string" and type(value) == "function" and FUNCTIONS or {}) do
      if is_near(name, meant) then
        found[meant] = name
      end
    end
  end
  return found
end

function script.warn_of_misspelt()
  for meant, name in pairs(misspelt()) do
    log.warning("the script defines %s, which is never called: did you mean %s?", name, meant)
  end
end

-- Returns the name of the script's group, or nil and a message.
function script.name(path, option)
  local name = option or rawget(_G, "group_name") or path:gsub("^.*/", ""):gsub("%.lua$", "")
  if type(name) ~= "string" or name == "" or #name > 128 then
    return nil, ("%s:1: a group's name is a string of 1 to 128 bytes, not %s"):format(path,
      type(name) == "string" and ("one of %d"):format(#name) or "a " .. type(name))
  end
  return name
end

-- Returns the name of the group to join, or nil and a message when the script cannot join one.
function script.group_name(path, option)
  local ok, message = check_handlers(path)
  if not ok then
    return nil, message
  end
  return script.name(path, option)
end

-- Returns the group's option `pack`, or nil and a message if the script's global `pack` is wrong. `option` switches
-- packing on, with the script's own sizes if it has any. A function is ignored, because scripts for Lua 5.1 may define
-- table.pack under this name.
function script.pack(path, option)
  local value = rawget(_G, "pack")
  if value == nil or type(value) == "function" then
    return option or false
  elseif type(value) ~= "boolean" and type(value) ~= "table" then
    return nil, ("%s:1: the global 'pack' is a %s: set it to true, or to a table with 'bytes' and 'limit'"):format(path,
      type(value))
  end
  local ok, problem = pcall(core.cpg.check, { pack = value })
  if ok then
    return value or option or false
  end
  return nil, ("%s:1: the table 'pack', which may have 'bytes' and 'limit', is wrong: %s"):format(path,
    tostring(problem):match "%((.*)%)$" or problem)
end

-- Calls a global function of the script if it is defined. Returns true and its result, or false and a message; logs
-- nothing.
function script.call(name, argument)
  local handler = rawget(_G, name)
  if not handler then
    return true
  end
  return script.protected(function() return script_calls.limited(handler, argument) end)
end

return script
