-- Compares settings of corosync.conf: rates and latencies on three nodes, and the time to notice a failure. Each
-- configuration has a lab of its own, and each of its runs is next to the same run in a lab with the default
-- configuration. Prints the tables of docs/tuning.md, and writes its chart to the file in the first argument.
--
--   make bench-tuning [PAIRS=5] [CONFIGURATIONS="1 2 5"]
--
-- Configuration 1 is the default configuration in a second lab: its ratios show the noise.
local uv = require "luv"
local lab = require "corosync.lab"
local chart = dofile "bench/chart.lua"
local figures = dofile "bench/figures.lua"

local PAIRS = tonumber(os.getenv "PAIRS") or 5
local NODES = 3
local WINDOW = 64 -- of the runs that measure rates
local RATE_SECONDS, LATENCY_SECONDS = 1, 0.5 -- the approximate time of a run with the default configuration
local LOSS_SECONDS = 10
local LIMIT = 120 -- seconds; a run or a change of members that takes longer has failed

-- The options of lab.start. By corosync.conf(5), max_messages is at most 256000 / netmtu: 170, and 28 with netmtu 8900.
local CONFIGURATIONS = {
  { "default again", {} },
  { "netmtu 8900, jumbo frames", { mtu = 9000, totem = { netmtu = 8900 } } },
  { "netmtu 8900, fragmented by IP", { totem = { netmtu = 8900 } } },
  { "knet", { transport = "knet" } },
  { "knet, jumbo frames", { transport = "knet", mtu = 9000 } },
  { "window_size 300", { totem = { window_size = 300 } } },
  { "max_messages 100", { totem = { max_messages = 100 } } },
  { "window_size 300, max_messages 100", { totem = { window_size = 300, max_messages = 100 } } },
  { "netmtu 8900, jumbo frames, max_messages 28", { mtu = 9000, totem = { netmtu = 8900, max_messages = 28 } } },
  { "token 5000", { token = 5000 } },
  { "send_join 80", { totem = { send_join = 80 } } },
}

-- The programs, and the command before the arguments. The packed one has so many times the window under way: about as
-- many frames as the other has messages.
local PROGRAMS = {
  unpacked = { os.getenv "PLAIN", "tuning" },
  packed = { "env", "PACK=1", os.getenv "LUA", "bench/binding.lua", "tuning", windows = 16 },
}

-- A load: the program, the size, and the nodes on which the program runs at the same time. The label is for the chart.
local LOADS = {
  { name = "64 B", label = "64 B", program = "unpacked", size = 64, senders = 1 },
  { name = "64 B packed", label = "64 packed", program = "packed", size = 64, senders = 1 },
  { name = "10 kB", label = "10 kB", program = "unpacked", size = 10000, senders = 1 },
  { name = "10 kB packed", label = "10k packed", program = "packed", size = 10000, senders = 1 },
  { name = "10 kB from all", label = "10k, all", program = "unpacked", size = 10000, senders = NODES },
}

local function window_of(load)
  return WINDOW * (PROGRAMS[load.program].windows or 1)
end

-- Latency is measured only where one node sends.
local function is_timed(load)
  return load.senders == 1
end

-- ---- runs ----

local function start(options)
  local given = { nodes = NODES }
  for name, value in pairs(options) do
    given[name] = value
  end
  local cluster = assert(lab.start(given))
  if options.transport == "knet" then
    -- Until then knet sends small packets only.
    assert(cluster:wait_for(function()
      for node = 1, NODES do
        if not cluster:log(node):find("Global data MTU changed", 1, true) then
          return false
        end
      end
      return true
    end, LIMIT, "knet's MTU discovery"))
  end
  return cluster
end

local function start_program(cluster, node, argv)
  local lines = {}
  local process = assert(cluster:run(node, argv, { output = function(line) lines[#lines + 1] = line end }))
  return function()
    local code = process:wait(LIMIT)
    local output = table.concat(lines, "\n")
    if code ~= 0 then
      error(("%s on node %d: exit code %s\n%s"):format(table.concat(argv, " "), node, tostring(code), output))
    end
    return output
  end
end

local function argv_of(load, ...)
  local argv = {}
  for i, word in ipairs(PROGRAMS[load.program]) do
    argv[i] = word
  end
  for _, argument in ipairs { ... } do
    argv[#argv + 1] = tostring(argument)
  end
  return argv
end

-- The rate of all senders together (messages/s), and with latency p50 and p99 of the first (seconds).
local function run(cluster, load, count, window, latency)
  local argv = argv_of(load, count, load.size, window, latency)
  local finishes, rate, first = {}, 0, nil
  for node = 1, load.senders do
    finishes[node] = start_program(cluster, node, argv)
  end
  for node, finish in ipairs(finishes) do
    local output = finish()
    first = node == 1 and output or first
    rate = rate + tonumber(output:match "rate (%S+)")
  end
  local p50, p99 = first:match "latency (%S+) (%S+)"
  return { rate = rate, p50 = tonumber(p50), p99 = tonumber(p99) }
end

local function count_for(cluster, load, window, seconds)
  local tried = math.ceil(5e5 / (load.size + 1000))
  return math.max(20, math.ceil(run(cluster, load, tried, window).rate * seconds / load.senders))
end

-- How many messages each load sends: the same in all configurations.
local function calibrate(cluster)
  for _, load in ipairs(LOADS) do
    load.rate_count = count_for(cluster, load, window_of(load), RATE_SECONDS)
    load.latency_count = is_timed(load) and count_for(cluster, load, 1, LATENCY_SECONDS)
  end
end

local function measure(cluster, load)
  local found = run(cluster, load, load.rate_count, window_of(load))
  if is_timed(load) then
    local timed = run(cluster, load, load.latency_count, 1, "latency")
    found.p50, found.p99 = timed.p50, timed.p99
  end
  return found
end

local function seconds_since(began)
  return (uv.hrtime() - began) / 1e9
end

-- Seconds until the others have noticed that a node's daemon was killed, the longest latency of messages that node 1
-- sends meanwhile, and seconds until the node is a member again.
local function measure_changes(cluster)
  local others, all = {}, { NODES }
  for node = 1, NODES - 1 do
    others[node], all[node + 1] = node, node
  end
  local load = LOADS[1]
  local finish = start_program(cluster, 1, argv_of(load, 3 * load.latency_count, load.size, 1, "latency"))
  uv.sleep(LATENCY_SECONDS * 1000)
  local began = uv.hrtime()
  assert(cluster:kill(NODES))
  assert(cluster:wait_members(others, LIMIT))
  local noticed = seconds_since(began)
  local longest = tonumber(finish():match "latency %S+ %S+ (%S+)")
  began = uv.hrtime()
  assert(cluster:restart(NODES))
  assert(cluster:wait_members(all, LIMIT))
  return { noticed = noticed, longest = longest, rejoined = seconds_since(began) }
end

-- For each load the default's figures and the configuration's, and the changes. Each is first in half of the pairs.
local function measure_pair(baseline, configuration, is_default_first)
  local cluster, pair = start(configuration[2]), {}
  for _, load in ipairs(LOADS) do
    local first = measure(is_default_first and baseline or cluster, load)
    local second = measure(is_default_first and cluster or baseline, load)
    pair[load] = is_default_first and { first, second } or { second, first }
  end
  pair.changes = measure_changes(cluster)
  assert(cluster:stop())
  return pair
end

-- Node 1 sends jumbo frames, and the other end of its link drops them. Returns whether its messages arrived in time,
-- the number of members that it sees, and of reports of lost packets in its log.
local function lose_jumbo_frames()
  local cluster = start { totem = { netmtu = 8900 } }
  assert(cluster:command(1, { "ip", "link", "set", "eth0", "mtu", "9000" }))
  local code = cluster:command(1, argv_of(LOADS[1], 1000, 10000, WINDOW), LOSS_SECONDS)
  local members, log = assert(cluster:members(1)), cluster:log(1)
  assert(cluster:stop())
  return code == 0, #members, select(2, log:gsub("Retransmit List", ""))
end

-- ---- results ----

local function ratio(pairs_of, load, field)
  return figures.each_pair(pairs_of, function(pair) return pair[load][2][field] / pair[load][1][field] end)
end

-- The default's median over the pairs of all configurations.
local function default(results, load, field)
  local values = {}
  for _, result in ipairs(results) do
    for _, pair in ipairs(result.pairs) do
      values[#values + 1] = pair[load][1][field]
    end
  end
  return figures.spread(values)[1]
end

-- Prints a table with a row for each configuration, and a column for each load that cell_of has a text for.
local function print_table(title, results, loads, default_of, cell_of)
  local head, rule, first = { "" }, { "---" }, { "default" }
  for _, load in ipairs(loads) do
    head[#head + 1], rule[#rule + 1], first[#first + 1] = load.name, "---", default_of(load)
  end
  print(("**%s**\n"):format(title))
  for _, cells in ipairs { head, rule, first } do
    print("| " .. table.concat(cells, " | ") .. " |")
  end
  for _, result in ipairs(results) do
    local cells = { result.name }
    for _, load in ipairs(loads) do
      cells[#cells + 1] = cell_of(result, load)
    end
    print("| " .. table.concat(cells, " | ") .. " |")
  end
  print ""
end

local function print_rates(results)
  print_table("Rate, to the default (above 1 is faster)", results, LOADS,
    function(load) return ("%.0f/s"):format(default(results, load, "rate")) end,
    function(result, load) return figures.with_spread(ratio(result.pairs, load, "rate")) end)
end

local function print_latencies(results)
  local loads = {}
  for _, load in ipairs(LOADS) do
    loads[#loads + 1] = is_timed(load) and load or nil
  end
  for _, field in ipairs { "p50", "p99" } do
    print_table(("Latency, %s, to the default (below 1 is faster)"):format(field), results, loads,
      function(load) return ("%.0f µs"):format(default(results, load, field) * 1e6) end,
      function(result, load) return figures.with_spread(ratio(result.pairs, load, field)) end)
  end
end

local function print_changes(results)
  print "**A node's daemon is killed and started, seconds**\n"
  print "| | until the others notice | longest latency meanwhile | until it is a member again |"
  print "| --- | --- | --- | --- |"
  for _, result in ipairs(results) do
    local cells = { result.name }
    for _, field in ipairs { "noticed", "longest", "rejoined" } do
      local it = figures.each_pair(result.pairs, function(pair) return pair.changes[field] end)
      cells[#cells + 1] = figures.with_spread(it)
    end
    print("| " .. table.concat(cells, " | ") .. " |")
  end
end

local function print_loss()
  local have_arrived, members, reports = lose_jumbo_frames()
  print "\n**netmtu 8900 where a link drops jumbo frames**\n"
  print(("1000 messages of 10 kB %s within %d s. Node 1 saw %d members. Its log had %d lines \"Retransmit List\".")
    :format(have_arrived and "arrived" or "did not arrive", LOSS_SECONDS, members, reports))
end

-- Returns the points of a metric, and the highest value of all its pairs.
local function points_of(result, field)
  local points, highest = {}, 0
  for x, load in ipairs(LOADS) do
    if field == "rate" or is_timed(load) then
      local it = ratio(result.pairs, load, field)
      points[#points + 1] = { x = x, y = it[1], low = it[2], high = it[3] }
      highest = math.max(highest, it[3])
    end
  end
  return points, highest
end

local function panel_of(result, labels)
  local panel, high = { title = result.name, categories = labels, low = 0, mark = 1, series = {} }, 2
  for i, metric in ipairs { { "rate", "rate" }, { "p50", "p50 latency" }, { "p99", "p99 latency" } } do
    local points, highest = points_of(result, metric[1])
    panel.series[i] = { name = metric[2], is_unconnected = true, points = points }
    high = math.max(high, math.ceil(highest))
  end
  -- The grid must have a line at 1.
  panel.high, panel.step = high, high > 4 and 1 or 0.5
  return panel
end

local function panels_of(results)
  local panels, labels = {}, {}
  for i, load in ipairs(LOADS) do
    labels[i] = load.label
  end
  for i, result in ipairs(results) do
    panels[i] = panel_of(result, labels)
  end
  return panels
end

local function chosen()
  local results = {}
  for number in (os.getenv "CONFIGURATIONS" or ""):gmatch "%d+" do
    local configuration = assert(CONFIGURATIONS[tonumber(number)], "CONFIGURATIONS: expected 1 to " .. #CONFIGURATIONS)
    results[#results + 1] = { name = configuration[1], configuration = configuration, pairs = {} }
  end
  if #results > 0 then
    return results
  end
  for i, configuration in ipairs(CONFIGURATIONS) do
    results[i] = { name = configuration[1], configuration = configuration, pairs = {} }
  end
  return results
end

local results = chosen()
local baseline = start {}
calibrate(baseline)
for pair = 1, PAIRS do
  for _, result in ipairs(results) do
    result.pairs[pair] = measure_pair(baseline, result.configuration, pair % 2 == 1)
    io.stderr:write(("pair %d: %s\n"):format(pair, result.name))
  end
end
assert(baseline:stop())
figures.print_head(("%d nodes; medians of %d pairs of runs, lowest and highest in brackets"):format(NODES, PAIRS))
print_rates(results)
print_latencies(results)
print_changes(results)
print_loss()
chart(arg[1], panels_of(results), { columns = 3 })
