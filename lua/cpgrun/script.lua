--- Scripts for cpgrun: the global functions that a script may define, at least one of the handlers of changes, and the
-- globals that it finds. See `man cpgrun`.
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

--- Called when members, ring and quorum agree again.
-- @function view_change
-- @tparam corosync.group.view view

--- Called when totem's membership has changed.
-- @function ring_change
-- @tparam corosync.cpg.ring ring
-- @tparam integer[] nodes ids

--- Called when the quorum, or the nodes that it counts, have changed.
-- @function quorum_change
-- @tparam boolean|nil quorate nil where Corosync has no quorum provider
-- @tparam integer[] members node ids

--- Called once the script has joined its group.
-- @function started

--- Called before the script leaves its group at its end.
-- @function stopping

--- Called when Corosync has gone. The group, `cmap` and `quorum` come back by themselves.
-- @function disconnected
-- @tparam string reason

--- Called when handlers lag.
-- @function lagged
-- @tparam number seconds for how long
-- @tparam integer events how many wait
-- @tparam integer bytes how many wait

--- The script's group.
-- @tfield corosync.group.Group group

--- The name of the group, where a script sets it; else that of the script's file.
-- @tfield string|nil group_name

--- The connection to the configuration map.
-- @tfield corosync.service.Service|corosync.cmap.map cmap

--- The connection to quorum.
-- @tfield corosync.service.Service|corosync.quorum.handle quorum

--- The script's arguments.
-- @tfield string[] arg
local is_near = require "corosync.spelling"
local traceback = require "corosync.traceback"

local script = {}

local HANDLERS = { "config_change", "message_received", "quorum_change", "ring_change", "view_change" }
local unpack = table.unpack or unpack -- luacheck: ignore 113
local FUNCTIONS = { "disconnected", "lagged", "started", "stopping", unpack(HANDLERS) }

-- How a function of the script is called: true, or false and a message with a traceback.
function script.protected(handler)
  return xpcall(handler, traceback)
end

-- Loads and runs the file with the given arguments as `arg`. True, or nil and a message with file and line.
function script.load(path, arguments)
  local chunk, message = loadfile(path)
  if not chunk then
    return nil, message
  end
  -- Its own modules, after all others.
  package.path = package.path .. ";" .. (path:match "^(.*/)" or "./") .. "?.lua"
  _G.arg = { [0] = path }
  for i, argument in ipairs(arguments) do
    _G.arg[i] = argument
  end
  return script.protected(function() return chunk(unpack(arguments)) end)
end

local function check_function(path, name)
  local handler = rawget(_G, name)
  if handler ~= nil and type(handler) ~= "function" then
    return nil, ("%s:1: '%s' is a %s, and a function is expected"):format(path, name, type(handler))
  end
  return true
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
  if not has_handler() then
    return nil, ("%s:1: the script defines neither config_change(members, left, joined) nor "
      .. "message_received(address, message), nor another handler: it needs at least one of them, above what it sends "
      .. "while it loads"):format(path)
  end
  return true
end

-- Functions that nobody calls, by what they were surely meant to be.
function script.misspelt()
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

-- The name of the group to join, or nil and why the script, as far as it has run, cannot join one.
function script.group_name(path, option)
  local ok, message = check_handlers(path)
  if not ok then
    return nil, message
  end
  local name = option or rawget(_G, "group_name") or path:gsub("^.*/", ""):gsub("%.lua$", "")
  if type(name) ~= "string" or name == "" or #name > 128 then
    return nil, ("%s:1: a group's name is a string of 1 to 128 bytes, not %s"):format(path,
      type(name) == "string" and ("one of %d"):format(#name) or "a " .. type(name))
  end
  return name
end

-- Calls a global function of the script if there is one; an error is the caller's to log.
function script.call(name, argument)
  local handler = rawget(_G, name)
  if not handler then
    return true
  end
  return script.protected(function() handler(argument) end)
end

return script
