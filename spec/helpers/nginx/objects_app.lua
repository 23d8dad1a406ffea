-- spec/helpers/clients/object_member.lua in nginx; requests give the lines.
local core = require "corosync.binding"
local corosync_resty = require "corosync.resty"
local object_commands = require "spec.helpers.clients.object_commands"

local function say(...)
  io.stderr:write(table.concat({ ... }, " ") .. (" @%.4f"):format(core.now()) .. "\n")
end

local function on_error(message)
  say("problem", (message:gsub("\n.*", "")))
end

local app = assert(corosync_resty.replica(os.getenv "SPEC_NAME", { directory = "/run", error = on_error, timeout = 2,
  ready = function() say "ready" end, suspended = function() say "suspended" end }))
local run = object_commands(app, { say = say, on_error = on_error, pause = function() ngx.sleep(0.05) end })

return function()
  if ngx.var.args == "hog" then return require("hogs").take_all() end
  run(ngx.unescape_uri(ngx.var.args))
end
