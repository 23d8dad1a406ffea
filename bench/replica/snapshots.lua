-- Measures how a snapshot slows down writers and the loops of both sides, and prints the table.
local uv = require "luv"
local holders = require "bench.replica.holders"
local lab = require "corosync.lab"
local settings = require "bench.replica.settings"
local tables = require "bench.replica.tables"

-- Four members have 20 MB, a fifth gets them, and the donor is killed. Returns the longest pause of the others' writes
-- in an equal time before, and meanwhile.
local function pause_with_kill(cluster, lua)
  local members, name = holders.start(cluster, 4, lua, 20)
  holders.ask(cluster, members)
  uv.sleep(500)
  holders.ask(cluster, members)
  local before = holders.longest(members, "pause")
  local learner = holders.add(cluster, 5, lua, name, 0)
  local donor = holders.wait_donor(cluster, members)
  uv.sleep(20)
  assert(not learner.ready_after, "the snapshot was complete before the donor was killed")
  donor.process:kill "sigkill"
  holders.wait_ready(cluster, { learner }, 4)
  table.remove(members, donor.node)
  holders.ask(cluster, members)
  return before, holders.longest(members, "pause")
end

-- Two members have 100 MB, and a third gets them. Returns the longest turn of the donor's loop and of the learner's.
local function turns(cluster, lua)
  local members, name = holders.start(cluster, 2, lua, 100)
  holders.ask(cluster, members)
  local learner = holders.add(cluster, 3, lua, name, 0)
  local donor = holders.wait_donor(cluster, members)
  holders.wait_ready(cluster, { learner }, 3)
  holders.ask(cluster, { donor, learner })
  return donor.turn, learner.turn
end

local function in_lab(nodes, measure, lua)
  local cluster = assert(lab.start(nodes))
  local first, second = measure(cluster, lua)
  assert(cluster:stop())
  return first, second
end

return function()
  tables.print_time_head "Snapshots"
  for _, lua in ipairs(settings.luas) do
    local before, pauses, donors, learners = {}, {}, {}, {}
    for i = 1, settings.pairs do
      before[i], pauses[i] = in_lab(5, pause_with_kill, lua)
      donors[i], learners[i] = in_lab(3, turns, lua)
    end
    tables.print_time(lua.name .. ", longest pause of writes on four nodes without a snapshot", before)
    tables.print_time(lua.name .. ", longest pause while a fifth gets 20 MB and the donor is killed", pauses, 0.15)
    tables.print_time(lua.name .. ", CPU time of the longest turn of the donor's loop, 100 MB", donors, 0.02)
    tables.print_time(lua.name .. ", the same of the learner", learners, 0.02)
  end
  print ""
end
