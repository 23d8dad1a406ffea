-- Shutdown requests by another program, and trackers that reply to them.
local assert = require "luassert"
local cfg = require "corosync.cfg"
local handles = require "spec.helpers.handles"

local LUA = os.getenv("LUA"):match "%S+$"

local function open(given)
  return handles.keep(assert(cfg.open(given)))
end

-- Another program that requests a shutdown. Its output, available after the replies, is the code and the seconds it
-- took.
local function ask()
  return io.popen(LUA .. [[ -e '
    local now = require("corosync.core").now
    local handle = assert(require("corosync.cfg").open())
    local from = now()
    local _, _, code = handle:try_shutdown()
    print(code)
    print(now() - from)']])
end

local function result(pipe)
  local code, seconds = pipe:read "*l", tonumber(pipe:read "*l")
  pipe:close()
  return code, seconds
end

-- A tracker with a record of its requests, which returns the result of `act`.
local function tracker(act)
  local record = { kinds = {}, errors = {} }
  local handle
  handle = open {
    shutdown_request = function(kind)
      table.insert(record.kinds, kind)
      return act(handle)
    end,
    error = function(message) table.insert(record.errors, message) end,
  }
  return handle, record
end

local function refuse()
  return false
end

return {
  open = open,
  ask = ask,
  result = result,
  tracker = tracker,
  refuse = refuse,
}
