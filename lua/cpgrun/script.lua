-- The user's script: loading it, its name, its handlers.
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
