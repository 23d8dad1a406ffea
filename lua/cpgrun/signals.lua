-- The signals that stop cpgrun or reload its script.
local own = require "corosync.own_handles"
local uv = require "luv"

local NUMBERS = { sighup = 1, sigint = 2, sigpipe = 13, sigterm = 15 }

local signals = {}

-- nohup starts a program this way, so that it outlives its terminal.
local function ignores_hangup()
  local file = io.open "/proc/self/status"
  local text = file and file:read "*a" or ""
  if file then
    file:close()
  end
  return tonumber(text:match "SigIgn:%s*%x*(%x)" or "0", 16) % 2 == 1
end

--- Calls a function at the first of some signals. After it, a second SIGINT or SIGTERM ends the process at once; SIGHUP
-- does not, because a closing terminal can send several. An ignored SIGHUP stays ignored. Below a supervisor a second
-- SIGTERM does nothing either: a service manager signals all processes of a service, and the supervisor passes it on.
-- @tparam table names "sighup", "sigint", "sigterm", and "sigpipe" for a closed standard output
-- @tparam table native see main.lua
-- @tparam function action called with the signal's name in capitals, and its number
-- @tparam boolean|nil is_supervised
-- @treturn table the handles, which keep the loop running
function signals.first(names, native, action, is_supervised)
  local handles, has_come = {}, false
  local function come(name)
    if has_come or name == "sigpipe" and not native.has_hung_up() then
      return
    end
    has_come = true
    for each, handle in pairs(handles) do
      if each == "sigint" or each == "sigterm" and not is_supervised then
        handle:stop()
      end
    end
    action(name:upper(), NUMBERS[name])
  end
  for _, name in ipairs(names) do
    if name ~= "sighup" or not ignores_hangup() then
      handles[name] = own(uv.new_signal())
      handles[name]:start(name, function() come(name) end)
    end
  end
  return handles
end

--- Calls a function at each SIGHUP, unless it is ignored: `stop` when the terminal has hung up, else `reload`.
-- @tparam table native see main.lua
-- @tparam function reload
-- @tparam function stop called with the signal's name in capitals
function signals.hangup(native, reload, stop)
  if ignores_hangup() then
    return
  end
  local handle = own(uv.new_signal())
  handle:start("sighup", function()
    if native.has_lost_terminal() then
      stop "SIGHUP"
    else
      reload()
    end
  end)
  handle:unref()
end

return signals
