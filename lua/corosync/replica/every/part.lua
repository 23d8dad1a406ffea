-- Ticks as a part of the replica's machine. The state is, for each task's key, which tick numbers have run:
--   all.every[key] = { { first, last }, … }      ascending
-- A command is { "every", "tick", key, number, address }. The first command with a number runs that tick. All numbers
-- are kept, not only the greatest, so a member whose clock is far ahead uses up only the ticks that it runs and the
-- NEAR ticks before each. The latter were counted as missed, so a member whose clock is a little behind must not run
-- them.
local parts = require "corosync.replica.parts"
local waiting = require "corosync.replica.waiting"

local part = {}

local NEAR = 10 -- numbers
local MOST_RANGES = 100 -- if there are more, the two oldest are merged: old missed ticks cannot run any more

function part.initial()
  return {}
end

-- Returns the position of the last range that begins at or before a number; 0 if there is none.
local function place(ranges, number)
  for i = #ranges, 1, -1 do
    if ranges[i][1] <= number then
      return i
    end
  end
  return 0
end

local function is_over(ranges, number)
  local i = place(ranges, number)
  local before, after = ranges[i], ranges[i + 1]
  return before ~= nil and number <= before[2] or after ~= nil and after[1] - number <= NEAR
end

local function join(ranges, i)
  ranges[i][2] = ranges[i + 1][2]
  table.remove(ranges, i + 1)
end

local function add(ranges, number)
  local i = place(ranges, number) + 1
  table.insert(ranges, i, { number, number })
  if ranges[i + 1] and ranges[i + 1][1] == number + 1 then
    join(ranges, i)
  end
  if i > 1 and ranges[i - 1][2] == number - 1 then
    join(ranges, i - 1)
  end
  if #ranges > MOST_RANGES then
    join(ranges, 1)
  end
end

-- Returns the tick's token and how many were missed before it, or false if it has run already or was missed.
function part.apply(all, command, at)
  local key, number = command[3], command[4]
  local ranges = all.every[key] or {}
  all.every[key] = ranges
  if is_over(ranges, number) then
    return false
  end
  local before = ranges[place(ranges, number)]
  local missed = before and number - before[2] - 1 or 0
  add(ranges, number)
  return { at, missed }
end

-- ---- this member ----

-- `task`: key, name, spec, number_of(time), run(number, token, missed). Ticks that were due before this call do not
-- run, unless other members began the task earlier.
function part.add(member, task)
  task.first = task.number_of(os.time())
  member.parts.every[task.key] = task
end

-- Returns the number of the last tick that any member has run, or nil.
function part.last(all, task)
  local ranges = all.every[task.key]
  return ranges and ranges[#ranges] and ranges[#ranges][2]
end

local function is_due(task, ranges, number)
  local has_begun = number > task.first or ranges[1] ~= nil and ranges[1][1] < number
  return has_begun and not is_over(ranges, number)
end

local function submit(member, task, number)
  local command = { "every", "tick", task.key, number, member.address }
  task.is_busy = parts.submit(member, "run a tick of", command, function(result)
    task.is_busy = false
    local present = member.parts.every[task.key] -- from the script that may have taken over meanwhile
    if present and type(result) == "table" then
      waiting.spawn(member, present.run, number, result[1], result[2])
    end
  end, true) == true
end

function part.maintain(member, all)
  for _, task in pairs(member.parts.every) do
    local number = task.number_of(os.time())
    if not task.is_busy and is_due(task, all.every[task.key] or {}, number) then
      submit(member, task, number)
    end
  end
end

-- Reports a member that runs a tick although it is not due by the clock of this node.
function part.changed(member, _, command, result)
  local task, number = member.parts.every[command[3]], command[4]
  if result and task and not task.has_reported and number > task.number_of(os.time()) + 1 then
    task.has_reported = true
    member:report(("member %s runs tick %.0f of '%s', which is not due by the clock of this node: the clocks differ")
      :format(command[5], number, task.name))
  end
end

return part
