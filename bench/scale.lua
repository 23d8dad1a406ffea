-- Measures the cost of members, of handles and of waiting messages. Prints tables, and writes charts to the file in the
-- first argument.
--
--   make bench-scale
local lab = require "corosync.lab"
local chart = dofile "bench/chart.lua"

local LUA = os.getenv "LUA"
local NODES, PER_NODE = 8, 16
local MEMBERS = { 8, 16, 32, 64, 96, 128 } -- including the observer and the churners
local CHURNERS, JOINS = 4, 40 -- processes, and the joins of each
local HANDLES, HANDLES_EVERY = 300, 25
local WAITING, WAITING_EVERY, WAITING_SIZES = 100000, 10000, { 64, 1000 }

-- ---- members ----

local function start_members(cluster, from, to)
  local joined = 0
  for i = from, to do
    assert(cluster:run((i - 1) % NODES + 1, { LUA, "bench/scale/members.lua", "member", "scale" },
      { output = function(line)
        joined = joined + (line == "joined" and 1 or 0)
      end }))
  end
  assert(cluster:wait_for(function() return joined == to - from + 1 end, 120, "all members have joined"))
end

-- Returns changes per second, CPU seconds per change in a member, and the highest number of members.
local function measure_changes(cluster)
  local lines = {}
  local observer = assert(cluster:run(1, { LUA, "bench/scale/members.lua", "observe", "scale",
    tostring(2 * CHURNERS * JOINS - 1) }, { output = function(line) lines[#lines + 1] = line end }))
  assert(cluster:wait_for(function() return lines[1] == "joined" end, 60, "the observer has joined"))
  for i = 1, CHURNERS do
    assert(cluster:run(i + 1, { LUA, "bench/scale/members.lua", "churn", "scale", tostring(JOINS) }))
  end
  assert(observer:wait(120))
  local rate, cpu, highest = lines[#lines]:match "changes (%S+) (%S+) (%S+)"
  assert(rate, "the observer did not finish")
  return tonumber(rate), tonumber(cpu), tonumber(highest)
end

local function bench_members()
  local cluster = assert(lab.start(NODES))
  local rates, costs, started = {}, {}, 0
  print(("### Members of one group, on %d nodes\n"):format(NODES))
  print "| members, at most | changes/s | CPU a change in one member, µs |\n| --- | --- | --- |"
  for _, members in ipairs(MEMBERS) do
    local wanted = members - 1 - CHURNERS
    start_members(cluster, started + 1, wanted)
    started = wanted
    local rate, cpu, highest = measure_changes(cluster)
    print(("| %d | %.0f | %.1f |"):format(highest, rate, cpu * 1e6))
    rates[#rates + 1] = { x = highest, y = rate }
    costs[#costs + 1] = { x = highest, y = cpu * 1e6 }
  end
  assert(cluster:stop())
  return {
    { title = "joins and leaves per second, by members", series = { { name = "changes", points = rates } } },
    { title = "CPU per change in one member, µs, by members", series = { { name = "changes", points = costs } } },
  }
end

-- ---- handles, and waiting messages ----

-- Runs a script on a cluster of one node. Returns the numbers in each line of its output.
local function numbers_of(...)
  local cluster = assert(lab.start(1))
  local code, out, err = cluster:command(1, { LUA, ... }, 300)
  assert(cluster:stop())
  assert(code == 0, err)
  local lines = {}
  for line in out:gmatch "[^\n]+" do
    local numbers = {}
    for number in line:gmatch "%S+" do
      numbers[#numbers + 1] = tonumber(number)
    end
    lines[#lines + 1] = numbers
  end
  return lines
end

local function bench_handles()
  local own, shared, opens = {}, {}, {}
  print "\n### Handles in one process, each in a group of its own\n"
  print "| handles | own memory, MB | /dev/shm, MB | open and join, ms each |\n| --- | --- | --- | --- |"
  for _, line in ipairs(numbers_of("bench/scale/handles.lua", tostring(HANDLES), tostring(HANDLES_EVERY))) do
    local count, kb, shm, seconds = (table.unpack or unpack)(line) -- luacheck: ignore 113
    print(("| %d | %.1f | %.0f | %.1f |"):format(count, kb / 1024, shm / 1024, seconds * 1e3))
    own[#own + 1] = { x = count, y = kb / 1024 }
    shared[#shared + 1] = { x = count, y = shm / 1024 }
    opens[#opens + 1] = count > 0 and { x = count, y = seconds * 1e3 } or nil
  end
  return {
    { title = "MB in /dev/shm, by handles", series = { { name = "/dev/shm", points = shared } } },
    { title = "MB of the process's own, by handles", series = { { name = "own memory", points = own } } },
    { title = "open and join, ms each, by handles", series = { { name = "opening", points = opens } } },
  }
end

local function bench_waiting()
  local panel = { title = "MB for waiting messages, by messages", series = {} }
  print "\n### Messages that wait for handlers\n"
  print "| bytes | messages | own memory, MB | bytes a message |\n| --- | --- | --- | --- |"
  for _, size in ipairs(WAITING_SIZES) do
    local points = {}
    for i, line in ipairs(numbers_of("bench/scale/waiting.lua", tostring(size), tostring(WAITING),
      tostring(WAITING_EVERY))) do
      local count, kb = line[1], line[2]
      points[i] = { x = count, y = kb / 1024 }
      if i > 1 then
        print(("| %d | %d | %.1f | %.0f |"):format(size, count, kb / 1024, kb * 1024 / count))
      end
    end
    table.insert(panel.series, { name = ("%d bytes"):format(size), points = points })
  end
  return { panel }
end

io.stdout:setvbuf "line"
assert(MEMBERS[#MEMBERS] == NODES * PER_NODE)
local panels = {}
for _, bench in ipairs { bench_members, bench_handles, bench_waiting } do
  for _, panel in ipairs(bench()) do
    panels[#panels + 1] = panel
  end
end
chart(arg[1], panels, { columns = 2 })
