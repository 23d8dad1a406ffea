-- --init NAME: writes a script, its configuration and its unit for systemd, to begin with.
local log = require "cpgrun.log"
local uv = require "luv"

local SCRIPT = [=[
-- @NAME@: a script for cpgrun, see cpgrun(1) and docs/scripts.md of lua-corosync.
--
--    cpgrun --check @NAME@.lua       would it run?
--    cpgrun --lab 3 @NAME@.lua       runs it on a private cluster of three nodes on this machine
--    cpgrun check @NAME@.lua         runs it there under random faults

-- A map that all members of the group share. A change is confirmed when a majority of the nodes has it.
local state = map "state"

state:watch("", function(key, new) print("changed", key, new) end)

-- One member at a time leads, on the side with a majority of the nodes.
leader("@NAME@", {
  elected = function(token)
    print(("leading with token %.0f"):format(token))
    local ok, problem = state:set("leader", group:address().node)
    if not ok then print("cannot note the leader: " .. problem) end
  end,
  deposed = function(reason) print("no longer leading: " .. reason) end,
})

-- Called for each change of the members.
function config_change(members, left, joined) -- luacheck: ignore
  print(("%d members, %d joined, %d left"):format(#members, #joined, #left))
end

-- Called for each message of a member. group:send_message "text" sends one.
function message_received(address, message)
  print("message from node " .. address.node, message)
end

-- Called once the script has joined its group, and before it leaves.
function started() print "started" end
function stopping() print "stopping" end

-- Called when a new version of this file takes over (systemctl reload), with what this one returns in before_reload.
-- function before_reload() return {} end
-- function after_reload(state_of_the_old_version) end
]=]

local CONFIGURATION = [=[
-- Configuration of @NAME@, see cpgrun.conf(5). The command line takes precedence.

script = "/etc/cpgrun/@NAME@.lua"
-- arguments = { "one", "two" }

-- group = "@NAME@"            -- default: the script's global group_name, or its file name
-- log_level = "info"          -- error, warning, info, debug
-- log_format = "json"         -- text, json, journal; default: journal under systemd, otherwise text
-- handler_timeout = 5         -- seconds: longer handlers are stopped; Lua runs slower
-- memory_limit = "256M"       -- of the Lua state: functions that would exceed it fail
-- storage = "/var/lib/cpgrun-@NAME@"  -- keeps the state of maps and locks on disk
-- watchdog = 1                -- seconds: slow calls of Corosync and lagging handlers are logged
-- reader_limit = "64M"        -- of messages that wait while handlers are slow
-- pack = true                 -- many messages in one frame, in all members or none
]=]

-- Without the sandbox of examples/cpgrun@.service, which is for one script of many.
local UNIT = [=[
# Runs @NAME@ under systemd. Corosync must allow the group, see cpgrun(1) and docs/operating.md of lua-corosync:
#   groupadd --system --force cpgrun
#   printf 'uidgid {\n  gid: cpgrun\n}\n' >/etc/corosync/uidgid.d/cpgrun && corosync-cfgtool -R
#   install -D -m 644 @NAME@.lua @NAME@.conf -t /etc/cpgrun && cp @NAME@.service /etc/systemd/system
#   systemctl daemon-reload && systemctl enable --now @NAME@
[Unit]
Description=Corosync member @NAME@
Wants=corosync.service
After=corosync.service

[Service]
Type=notify
WatchdogSec=60
ExecStart=@PROGRAM@ --config /etc/cpgrun/@NAME@.conf
ExecReload=/bin/kill -HUP $MAINPID
DynamicUser=yes
User=cpgrun-@NAME@
Group=cpgrun
StateDirectory=cpgrun-@NAME@
RuntimeDirectory=cpgrun/@NAME@
RuntimeDirectoryMode=0700
Restart=on-failure
RestartSec=5
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
]=]

local function write(path, template, values)
  local file = assert(io.open(path, "w"))
  assert(file:write((template:gsub("@(%u+)@", values))))
  assert(file:close())
  log.info("wrote %s", path)
end

-- The unit cannot see home folders.
local function warn_of_home(program)
  if program:find "^/home/" or program:find "^/root/" then
    log.warning("services cannot run %s: install cpgrun, and change ExecStart in the unit", program)
  end
end

-- Returns the exit status.
return function(name)
  local files = {
    { name .. ".lua", SCRIPT }, { name .. ".conf", CONFIGURATION }, { name .. ".service", UNIT },
  }
  for _, file in ipairs(files) do
    if uv.fs_lstat(file[1]) then
      log.error("%s exists already, so nothing was written", file[1])
      return 1
    end
  end
  for _, file in ipairs(files) do
    local ok, problem = pcall(write, file[1], file[2], { NAME = name, PROGRAM = uv.exepath() })
    if not ok then
      log.error("cannot write %s: %s", file[1], problem)
      return 1
    end
  end
  log.info("to check the files: cpgrun --config %s.conf --check ./%s.lua", name, name)
  warn_of_home(uv.exepath())
  return 0
end
