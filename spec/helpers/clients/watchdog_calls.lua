-- Under a watchdog, makes each call that asks the daemon, one for each line on stdin; before it, prints the name that
-- the watchdog will report.
local core = require "corosync.core"
local unpack = table.unpack or unpack -- luacheck: ignore 113
io.stdout:setvbuf "line"

assert(core.watchdog(0.1))
local cfg, tracker = assert(core.cfg.open()), assert(core.cfg.open())
local cmap, quorum = assert(core.cmap.open()), assert(core.quorum.open())
local cpg, other = assert(core.cpg.open {}), assert(core.cpg.open {})
local votequorum = assert(core.votequorum.open())
local key_tracker = assert(cmap:track("spec.", function() end))

assert(tracker:track())
assert(other:join "other")
assert(cmap:set("cfg.shutdown_timeout", 100, "u32"))
assert(cmap:set("spec.asking", 1, "u8"))

local function ask(name, f)
  print("next\t" .. name)
  io.read "*l"
  f()
end

-- The name of a method, unless another is given.
local function method(handle, service, name, ...)
  local arguments = { ... }
  return ask(service .. ": " .. name, function() handle[name](handle, unpack(arguments)) end)
end

-- Of all services, only cpg's end asks the daemon.
for _, service in ipairs { "cfg", "cmap", "cpg", "quorum", "votequorum" } do
  local handle
  ask(service .. ": open", function()
    handle = assert(service == "cmap" and core.cmap.open() or core[service].open {})
  end)
  if service == "cpg" then
    method(handle, "cpg", "close")
  end
  handle:close()
end

method(cfg, "cfg", "local_node")
method(cfg, "cfg", "reload")
method(cfg, "cfg", "reopen_logs")
method(cfg, "cfg", "node_addresses", 1)
method(cfg, "cfg", "node_status", 1)
method(cfg, "cfg", "kill_node", 99)
ask("cfg: track or untrack", function() assert(cfg:ring_status()) end)
ask("cfg: try_shutdown (until all trackers have replied)", function() assert(not cfg:try_shutdown()) end)
method(cfg, "cfg", "track")
method(cfg, "cfg", "untrack")

method(votequorum, "votequorum", "track")
method(votequorum, "votequorum", "untrack")
method(votequorum, "votequorum", "info")
method(votequorum, "votequorum", "set_expected", 1)
method(votequorum, "votequorum", "set_votes", 1, 1)
local device = { { "register", "x" }, { "poll", "x", true, { node = 1, seq = 1 } }, { "master_wins", "x", false },
  { "unregister", "x" } }
for _, call in ipairs(device) do
  ask(("votequorum: %s of quorum device 'x'"):format(call[1]), function()
    votequorum["qdevice_" .. call[1]](votequorum, unpack(call, 2))
  end)
end
ask("votequorum: rename of quorum device 'x'", function() votequorum:qdevice_update("x", "y") end)

method(quorum, "quorum", "track")
method(quorum, "quorum", "untrack")
method(quorum, "quorum", "quorate")

for _, call in ipairs { { "get" }, { "delete" }, { "each" }, { "track" } } do
  ask(("cmap: %s of key 'spec.asking'"):format(call[1]), function() cmap[call[1]](cmap, "spec.asking") end)
end
ask("cmap: cancel a tracker of key 'spec.'", function() assert(key_tracker:cancel()) end)

ask("cpg: join of group 'spec'", function() assert(cpg:join "spec") end)
ask("cpg: list members of group 'spec'", function() assert(cpg:members()) end)
ask("cpg: leave of group 'spec'", function() assert(cpg:leave()) end)
print "end"
io.read "*l"
