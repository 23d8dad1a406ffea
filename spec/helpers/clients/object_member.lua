-- A member of a replica that uses its objects as the lines of its input say. It writes what happens, each line with the
-- time of a clock that all processes of the machine share, in seconds.
--   arguments: the replica's name, and a storage file or nothing
local core = require "corosync.binding"
local corosync_loop = require "corosync.loop"
local object_commands = require "spec.helpers.clients.object_commands"
local replica = require "corosync.replica"
local uv = require "luv"

io.stdout:setvbuf "line"

local function say(...)
  print(table.concat({ ... }, " ") .. (" @%.4f"):format(core.now()))
end

local function on_error(message)
  io.stderr:write(message, "\n")
end

local app = assert(replica(arg[1], { storage = arg[2], error = on_error, timeout = 5,
  ready = function() say "ready" end, suspended = function() say "suspended" end }))
local run = object_commands(app, { say = say, on_error = on_error })

local function close()
  say("closed", tostring(app:close()))
  corosync_loop.stop()
end

local input = uv.new_pipe(false)
input:open(0)
input:read_start(function(_, data)
  for line in (data or ""):gmatch "[^\n]+" do
    coroutine.wrap(line == "close" and close or run)(line)
  end
end)

corosync_loop.run()
