-- object_member.lua in a controller of cqueues.
local cqueues = require "cqueues"
local object_replica = require "spec.helpers.clients.object_replica"
local socket = require "cqueues.socket"

local app, run = object_replica(arg[1], { loop = false }, function() cqueues.sleep(0.05) end)

local controller = cqueues.new()
controller:wrap(function()
  while app:dispatch() do cqueues.poll(app) end
end)
controller:wrap(function()
  local input = socket.fdopen(0)
  local line = input:read "*l"
  while line do -- not a for loop, because Lua 5.1 cannot yield in its iterator
    controller:wrap(run, line)
    line = input:read "*l"
  end
end)
assert(controller:loop())
