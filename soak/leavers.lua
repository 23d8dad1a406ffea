-- Shows, with plain C alone, that a member is told of processes that have left and had not been members: they were
-- killed on the other side of a partition, while the rings met.
--
--   leavers.lua PROGRAM [MEMBERS] [ROUNDS]
local lab = require "corosync.lab"

local program, count, rounds = arg[1], arg[2] or "200", tonumber(arg[3] or 6)

local cluster = assert(lab.start(2))

local function start(node, role)
  local child = assert(cluster:run(node, { program, role, count }))
  assert(cluster:wait_for(function() return child.lines[1] or child.exited end, 60))
  assert(child.lines[1] == "ready", table.concat(child.errors, "\n"))
  return child
end

local watcher = start(1, "watch")
for _ = 1, rounds do
  local leavers = start(2, "leave")
  assert(cluster:partition({ 1 }, { 2 }))
  assert(cluster:wait_members({ 1 }, 30))
  assert(cluster:wait_members({ 2 }, 30))
  leavers:write("go\n")
  assert(cluster:heal())
  assert(cluster:wait_members({ 1, 2 }, 30))
  assert(leavers:wait(30))
end
for i = 2, #watcher.lines do
  print(watcher.lines[i])
end
local found = #watcher.lines - 1
print(("%d members were told to have left that had not been members"):format(found))
assert(cluster:stop())
os.exit(found > 0 and 0 or 1)
