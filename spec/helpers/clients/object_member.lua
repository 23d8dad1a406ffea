-- A member of a replica that uses its objects as the lines of its input say. It writes what happens.
--   arguments: the replica's name, and a storage file or nothing
local corosync_loop = require "corosync.loop"
local object_replica = require "spec.helpers.clients.object_replica"
local uv = require "luv"

local app, run, say = object_replica(arg[1], { storage = arg[2] })

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
