-- Shows, with plain C alone, that a member is told of processes that have left and had not been members, and that
-- others which have ended remain members: they were killed on the other side of a partition, while the rings met.
--
--   leavers.lua PROGRAM [MEMBERS] [ROUNDS]
local lab = require "corosync.lab"
local wait = require "corosync.lab.wait"

local SETTLED = 2 -- seconds: then whatever was on its way has been told

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

-- Of what the watcher has told since: who had been no member, and who is one that has ended.
local function count_told()
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
  count_told()
end
print(("%d members were told to have left that had not been members; %d remained that had ended"):format(unknown,
  remaining))
assert(cluster:stop())
os.exit(unknown > 0 and 0 or 1)
