-- A client that prints the events of quorum, as a program of its own: a line for each event, until its daemon has gone.
--
--   quorum true 1,2,3 1/8         whether there is quorum, the members, the ring
--   nodelist 1,2,3 - 3 1/8        the members, the leaves, the joins, the ring
--   ring 1,2,3 1/8                the ring that cpg reports
--   lost not_connected            followed by the result of each method of the handles
local cmap = require "corosync.cmap"
local cpg = require "corosync.cpg"
local quorum = require "corosync.quorum"
io.stdout:setvbuf "line"

local function nodes(list)
  table.sort(list)
  return #list == 0 and "-" or table.concat(list, ",")
end

local function id(ring)
  return ("%d/%s"):format(ring.node, ring.seq)
end

local handle = assert(quorum.open {
  quorum_change = function(quorate, members, ring) print("quorum", quorate, nodes(members), id(ring)) end,
  nodelist_change = function(members, left, joined, ring)
    print("nodelist", nodes(members), nodes(left), nodes(joined), id(ring))
  end,
})
local member = assert(cpg.open {
  ring_change = function(ring, members) print("ring", nodes(members), id(ring)) end,
})
assert(member:join "watchers")
local map = assert(cmap.open())
local tracker = assert(map:track "watcher.")

local handled, message, code
repeat
  member:dispatch() -- whose daemon may be the first to be missed
  handle:wait(0.05)
  handled, message, code = handle:dispatch()
  if code == "not_connected" then
    print("lost", code)
    assert(message:find "cannot dispatch quorum: ")
  end
until not handled

local function tell(name, object, method, ...)
  print(name, method, select(3, object[method](object, ...)) or "fine")
end

for _, method in ipairs { "quorate", "track", "untrack", "wait", "receive", "fetch", "fd" } do
  tell("quorum", handle, method)
end
tell("cmap", map, "get", "totem.version")
tell("cmap", map, "set", "watcher.key", 1, "u8")
tell("cmap", map, "each")
tell("cmap", map, "track", "watcher.")
print("tracker", "cancel", tracker:cancel())
print("end", handle:close(), map:close())
