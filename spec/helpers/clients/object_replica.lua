-- The replica of object_member.lua and its like, which writes what happens, each line with the time of a clock that all
-- processes of the machine share, in seconds. `options`: of the replica; `pause`: see object_commands.lua. Returns the
-- replica, a function that carries out a line, and one that writes a line.
local core = require "corosync.binding"
local object_commands = require "spec.helpers.clients.object_commands"
local replica = require "corosync.replica"

local function say(...)
  print(table.concat({ ... }, " ") .. (" @%.4f"):format(core.now()))
end

local function on_error(message)
  io.stderr:write(message, "\n")
end

return function(name, options, pause)
  io.stdout:setvbuf "line"
  options.error, options.timeout = on_error, 5
  function options.ready() say "ready" end
  function options.suspended() say "suspended" end
  local app = assert(replica(name, options))
  return app, object_commands(app, { say = say, on_error = on_error, pause = pause }), say
end
