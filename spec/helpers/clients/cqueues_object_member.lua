-- object_member.lua in a controller of cqueues.
local core = require "corosync.binding"
local cqueues = require "cqueues"
local object_commands = require "spec.helpers.clients.object_commands"
local replica = require "corosync.replica"
local socket = require "cqueues.socket"

io.stdout:setvbuf "line"

local function say(...)
  print(table.concat({ ... }, " ") .. (" @%.4f"):format(core.now()))
end

local function on_error(message)
  io.stderr:write(message, "\n")
end

local app = assert(replica(arg[1], { loop = false, error = on_error, timeout = 5,
  ready = function() say "ready" end, suspended = function() say "suspended" end }))
local run = object_commands(app, { say = say, on_error = on_error, pause = function() cqueues.sleep(0.05) end })

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
