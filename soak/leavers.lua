-- Shows, with plain C alone, that Corosync reports leaves of processes that were not members, and that others remain
-- members after they have ended: both were killed in the other partition while the rings merged.
--
--   leavers.lua PROGRAM [MEMBERS] [ROUNDS]
local lab = require "corosync.lab"
local wait = require "corosync.lab.wait"

local SETTLED = 2 -- seconds until all pending events have come

local program, count, rounds = arg[1], arg[2] or "200", tonumber(arg[3] or 6)

local cluster = assert(lab.start(2))

local function start(node, role)
  local child = assert(cluster:run(node, { program, role, count }))
  assert(cluster:wait_for(function() return child.lines[1] or child.exited end, 60))
  assert(child.lines[1] == "ready", table.concat(child.errors, "\n"))
  return child
end

local watcher = start(1, "watch")
local unknown, remaining, read = 0, 0, 1

-- Counts the unknown and the remaining members in the new lines of the watcher.
local function count_reported()
  assert(watcher:write("count\n"))
  assert(cluster:wait_for(function() return #watcher.lines > read and watcher.lines[#watcher.lines] == "counted" end,
    30))
  for i = read + 1, #watcher.lines - 1 do
    unknown = unknown + (watcher.lines[i]:match "^unknown" and 1 or 0)
    remaining = remaining + (watcher.lines[i]:match "^remains" and 1 or 0)
    print(watcher.lines[i])
  end
  read = #watcher.lines
end

for _ = 1, rounds do
  local leavers = start(2, "leave")
  assert(cluster:partition({ 1 }, { 2 }))
  assert(cluster:wait_members({ 1 }, 30))
  assert(cluster:wait_members({ 2 }, 30))
  leavers:write("go\n")
  assert(cluster:heal())
  assert(cluster:wait_members({ 1, 2 }, 30))
  assert(leavers:wait(30))
  wait.pass(SETTLED)
  count_reported()
end
print(("%d reported leaves of processes that were not members; %d processes remained members after their end"):format(
  unknown, remaining))
assert(cluster:stop())
os.exit(unknown > 0 and 0 or 1)
