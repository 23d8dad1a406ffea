-- Compares replicas on three nodes with messages of plain groups that are not packed, and with etcd if it is installed.
-- Measures how a snapshot slows down writers. Prints the tables of docs/speed.md.
--
--   make bench-replica [PAIRS=5] [PARTS="rates changes snapshots"] [STORAGE=/folder]
local uv = require "luv"
local etcd = dofile "bench/replica/etcd.lua"
local figures = dofile "bench/figures.lua"
local lab = require "corosync.lab"

local PAIRS = tonumber(os.getenv "PAIRS") or 5
local STORAGE = os.getenv "STORAGE"
local PARTS = STORAGE and "rates" or os.getenv "PARTS" or "rates changes snapshots"
local NODES = 3
local SIZE = 64
local LIMIT = 120 -- seconds

local LUA_ENV = { LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH" }
local JIT_ENV = { LUA_PATH = os.getenv "JIT_PATH", LUA_CPATH = os.getenv "JIT_CPATH" }
local LUAS = {
  { name = "Lua 5.4", command = "lua5.4", env = LUA_ENV },
  { name = "LuaJIT", command = "luajit", env = JIT_ENV },
}

-- The targets of a replica: a ratio to raw messages, or a rate; and a ratio to etcd's rate.
local LOADS = {
  { writers = 1, window = 1, field = "p50", most = 4, peer = 1 },
  { writers = 1, window = 64, field = "rate", least = 1.2, peer = 5 },
  { writers = 3, window = 64, field = "rate", least = 1.5, enough = 100000 },
}

local function print_title(title)
  print(("**%s%s**\n"):format(title, STORAGE and ", with storage" or ""))
end

-- ---- processes ----

local run_count = 0

local function start(cluster, node, lua, program, arguments, take)
  local env = { NODE = tostring(node), STORAGE = STORAGE }
  for key, value in pairs(lua.env) do
    env[key] = value
  end
  local argv = { lua.command, program }
  for _, argument in ipairs(arguments) do
    argv[#argv + 1] = tostring(argument)
  end
  return assert(cluster:run(node, argv, { env = env, output = function(line, stream)
    if stream == "err" then
      io.stderr:write(("node %d: %s\n"):format(node, line))
    end
    take(line)
  end }))
end

local function end_all(processes)
  for _, process in pairs(processes) do
    process:kill "sigkill"
  end
  for _, process in pairs(processes) do
    assert(process:wait(LIMIT))
  end
end

local function new_name()
  run_count = run_count + 1
  return "bench" .. run_count
end

-- ---- rates ----

local REPLICA, RAW = "bench/replica/member.lua", "bench/replica/sender.lua"

-- The rate is that of all writers together, the latency the first one's.
local function measure(cluster, lua, program, load)
  local processes, reports = {}, 0
  local rate, p50 = 0, nil
  local name = new_name()
  for node = 1, NODES do
    processes[node] = start(cluster, node, lua, program,
      { name, NODES, load.writers, SIZE, load.window }, function(line)
        rate = rate + (tonumber(line:match "^rate (%S+)") or 0)
        local latency = tonumber(line:match "^latency (%S+)")
        reports = reports + (latency and 1 or 0)
        p50 = node == 1 and latency or p50
      end)
  end
  assert(cluster:wait_for(function() return reports == load.writers end, LIMIT, "the writers"))
  end_all(processes)
  return { rate = rate, p50 = p50 }
end

-- Each is first in half of the pairs.
local function both(cluster, lua, load, pair)
  if pair % 2 == 0 then
    local first = measure(cluster, lua, RAW, load)
    return { raw = first, replica = measure(cluster, lua, REPLICA, load) }
  end
  local first = measure(cluster, lua, REPLICA, load)
  return { raw = measure(cluster, lua, RAW, load), replica = first }
end

local function verdict(load, ratio, rate)
  local is_met = load.most and ratio <= load.most or load.least and ratio >= load.least
    or load.enough and rate >= load.enough
  local target = load.most and ("at most %g"):format(load.most) or ("at least %g"):format(load.least)
  if load.enough then
    target = ("%s or %d/s"):format(target, load.enough)
  end
  return ("%s: %s"):format(target, is_met and "met" or "missed")
end

-- Raw messages are not stored, so with storage there is no target for the ratio to them.
local function verdict_to_raw(load, ratio, rate)
  return STORAGE and "" or verdict(load, ratio, rate)
end

local function print_rates(lua, load, found)
  local function median(kind, field)
    return figures.each_pair(found, function(pair) return pair[kind][field] end)[1]
  end
  local ratio = figures.each_pair(found, function(pair) return pair.replica[load.field] / pair.raw[load.field] end)
  local rate = median("replica", "rate")
  print(("| %s | %d | %d | %.0f | %.0f | %.0f | %.0f | %s of %s | %s |"):format(lua.name, load.writers, load.window,
    median("raw", "rate"), median("raw", "p50") * 1e6, rate, median("replica", "p50") * 1e6, figures.with_spread(ratio),
    load.field, verdict_to_raw(load, ratio[1], rate)))
end

local function bench_rates(cluster)
  print_title "Commands, beside messages of a group"
  print "| | writers | in flight | raw, /s | p50, µs | replica, /s | p50, µs | replica to raw | target |"
  print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  for _, lua in ipairs(LUAS) do
    for _, load in ipairs(LOADS) do
      local found = {}
      for pair = 1, PAIRS do
        found[pair] = both(cluster, lua, load, pair)
      end
      print_rates(lua, load, found)
    end
  end
  print ""
end

-- ---- storage ----

-- Prints the time of an fsync alone.
local function print_sync()
  local path, seconds = STORAGE .. "/sync", {}
  local file = assert(uv.fs_open(path, "w", 384))
  for i = 1, 200 do
    assert(uv.fs_write(file, ("x"):rep(SIZE), -1))
    local began = uv.hrtime()
    assert(uv.fs_fsync(file))
    seconds[i] = (uv.hrtime() - began) / 1e9
  end
  assert(uv.fs_close(file))
  assert(uv.fs_unlink(path))
  local it = figures.spread(seconds)
  print(("One fsync of %d B takes %.0f µs (%.0f to %.0f).\n"):format(SIZE, it[1] * 1e6, it[2] * 1e6, it[3] * 1e6))
end

-- ---- etcd ----

local function bench_peer(cluster)
  if not etcd.is_installed() then
    print "Skipped: the same with etcd, because etcd or wrk is not installed.\n"
    return
  end
  etcd.start(cluster)
  local lua = LUAS[1]
  print_title "Commands, beside puts to three etcd servers"
  print "| in flight | etcd, /s | p50, µs | replica, /s | p50, µs | replica to etcd, rate | target |"
  print "| --- | --- | --- | --- | --- | --- | --- |"
  for _, load in ipairs { LOADS[1], LOADS[2] } do
    local found = {}
    for pair = 1, PAIRS do
      local rate, p50 = etcd.put(cluster, load.window, STORAGE and 5 or 1)
      assert(rate, p50)
      found[pair] = { etcd = { rate = rate, p50 = p50 }, replica = measure(cluster, lua, REPLICA, load) }
    end
    local function median(kind, field)
      return figures.each_pair(found, function(pair) return pair[kind][field] end)[1]
    end
    local ratio = figures.each_pair(found, function(pair) return pair.replica.rate / pair.etcd.rate end)
    print(("| %d | %.0f | %.0f | %.0f | %.0f | %s | %s |"):format(load.window, median("etcd", "rate"),
      median("etcd", "p50") * 1e6, median("replica", "rate"), median("replica", "p50") * 1e6,
      figures.with_spread(ratio),
      verdict({ least = STORAGE and 1 or load.peer }, ratio[1])))
  end
  print ""
end

-- ---- members with a state ----

-- Starts members. Their last lines are in their fields.
local function start_holder(cluster, node, lua, name, megabytes)
  local holder = { node = node, status = "none yet" }
  holder.process = start(cluster, node, lua, "bench/replica/holder.lua", { name, megabytes }, function(line)
    local kind, first, second = line:match "^(%a+) ?(%S*) ?(%S*)"
    if kind == "ready" then
      holder.ready_after = tonumber(first)
    elseif kind == "status" then
      holder.status, holder.full = line, first == "ready" and tonumber(second)
    elseif kind == "donor" then
      holder.is_donor = true
    elseif kind == "longest" then
      holder.pause, holder.turn = tonumber(first), tonumber(second)
    end
  end)
  return holder
end

local function describe(holders)
  local lines = {}
  for i, holder in ipairs(holders) do
    lines[i] = ("node %d: %s"):format(holder.node, holder.status)
  end
  return table.concat(lines, "\n")
end

-- Waits until all these members are ready with `full` full members. One change may make a member ready more than once.
local function wait_ready(cluster, holders, full)
  local ok, message = cluster:wait_for(function()
    for _, holder in ipairs(holders) do
      if not holder.ready_after or holder.full ~= full then
        return false
      end
    end
    return true
  end, LIMIT, ("members to be ready, with %d full ones"):format(full))
  if not ok then
    error(("%s\n%s"):format(message, describe(holders)))
  end
end

-- Call it before a change after which `wait_ready` must wait for them again.
local function forget_ready(holders)
  for _, holder in ipairs(holders) do
    holder.ready_after = nil
  end
end

-- The longest pause and turn of each since the last call.
local function ask(cluster, holders)
  for _, holder in ipairs(holders) do
    holder.pause = nil
    holder.process:kill "sigusr1"
  end
  assert(cluster:wait_for(function()
    for _, holder in ipairs(holders) do
      if not holder.pause then
        return false
      end
    end
    return true
  end, LIMIT, "the members' figures"))
end

local function end_holders(holders)
  local processes = {}
  for i, holder in ipairs(holders) do
    processes[i] = holder.process
  end
  end_all(processes)
end

local function start_holders(cluster, nodes, lua, megabytes)
  local name, holders = new_name(), {}
  for node = 1, nodes do
    holders[node] = start_holder(cluster, node, lua, name, megabytes)
  end
  wait_ready(cluster, holders, nodes)
  return holders, name
end

local function print_time(what, values, limit)
  local it = figures.spread(values)
  print(("| %s | %.1f (%.1f to %.1f) | %s |"):format(what, it[1] * 1000, it[2] * 1000, it[3] * 1000,
    limit and ("under %d: %s"):format(limit * 1000, it[1] < limit and "met" or "missed") or ""))
end

local function print_time_head(title)
  print_title(title)
  print "| | ms | target |"
  print "| --- | --- | --- |"
end

-- A node is cut off and comes back: from the view to ready on the members that have the state.
local function bench_changes(cluster)
  print_time_head "From the view of a change to ready, with a small state"
  for _, lua in ipairs(LUAS) do
    local cut, back = {}, {}
    local holders = start_holders(cluster, NODES, lua, 0)
    for pair = 1, PAIRS do
      forget_ready(holders)
      assert(cluster:partition { 1, 2 })
      wait_ready(cluster, { holders[1], holders[2] }, 2)
      cut[pair] = math.max(holders[1].ready_after, holders[2].ready_after)
      forget_ready(holders)
      assert(cluster:heal())
      wait_ready(cluster, holders, 3)
      back[pair] = math.max(holders[1].ready_after, holders[2].ready_after)
    end
    end_holders(holders)
    print_time(lua.name .. ", a node is cut off", cut, 0.05)
    print_time(lua.name .. ", it comes back", back, 0.05)
  end
  print ""
end

local function donor_of(cluster, holders)
  local donor
  assert(cluster:wait_for(function()
    for _, holder in ipairs(holders) do
      donor = holder.is_donor and holder or donor
    end
    return donor ~= nil
  end, LIMIT, "a donor"))
  return donor
end

-- Four members have 20 MB, a fifth gets them, and the donor is killed. Returns the longest pause of the others' writes
-- in an equal time before, and meanwhile.
local function pause_with_kill(cluster, lua)
  local holders, name = start_holders(cluster, 4, lua, 20)
  ask(cluster, holders)
  uv.sleep(500)
  ask(cluster, holders)
  local before, pause = 0, 0
  for _, holder in ipairs(holders) do
    before = math.max(before, holder.pause)
  end
  local learner = start_holder(cluster, 5, lua, name, 0)
  local donor = donor_of(cluster, holders)
  uv.sleep(20)
  local was_early = learner.ready_after == nil
  donor.process:kill "sigkill"
  wait_ready(cluster, { learner }, 4)
  local others = { learner }
  for _, holder in ipairs(holders) do
    others[#others + 1] = holder ~= donor and holder or nil
  end
  ask(cluster, others)
  for i = 2, #others do
    pause = math.max(pause, others[i].pause)
  end
  assert(was_early, "the snapshot was complete before the donor was killed")
  end_holders(others)
  return before, pause
end

-- Two members have 100 MB, and a third gets them. Returns the longest turn of the donor's loop and of the learner's.
local function turns(cluster, lua)
  local holders, name = start_holders(cluster, 2, lua, 100)
  ask(cluster, holders)
  local learner = start_holder(cluster, 3, lua, name, 0)
  local donor = donor_of(cluster, holders)
  wait_ready(cluster, { learner }, 3)
  ask(cluster, { donor, learner })
  end_holders { holders[1], holders[2], learner }
  return donor.turn, learner.turn
end

local function bench_snapshots()
  print_time_head "Snapshots"
  for _, lua in ipairs(LUAS) do
    local before, pauses, donors, learners = {}, {}, {}, {}
    for pair = 1, PAIRS do
      local five = assert(lab.start(5))
      before[pair], pauses[pair] = pause_with_kill(five, lua)
      assert(five:stop())
      local three = assert(lab.start(3))
      donors[pair], learners[pair] = turns(three, lua)
      assert(three:stop())
    end
    print_time(lua.name .. ", longest pause of writes on four nodes without a snapshot", before)
    print_time(lua.name .. ", longest pause while a fifth gets 20 MB and the donor is killed", pauses, 0.15)
    print_time(lua.name .. ", CPU time of the longest turn of the donor's loop, 100 MB", donors, 0.02)
    print_time(lua.name .. ", the same of the learner", learners, 0.02)
  end
  print ""
end

io.stdout:setvbuf "line"
figures.print_head(("medians of %d pairs of runs, lowest and highest in brackets"):format(PAIRS))
if STORAGE then
  print_sync()
end
local cluster = assert(lab.start(NODES))
if PARTS:find "rates" then
  bench_rates(cluster)
end
if PARTS:find "changes" then
  bench_changes(cluster)
end
if PARTS:find "rates" then
  bench_peer(cluster)
end
assert(cluster:stop())
if PARTS:find "snapshots" then
  bench_snapshots()
end
