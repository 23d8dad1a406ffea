-- Runs the same work in plain C and in Lua, in turn, on one real daemon and on three. Prints a table, and writes a
-- chart to the file in the first argument.
--
--   make bench [PAIRS=5] [SIZES="16 64 1000"] [WINDOWS="1 64"] [NODES="1 3"]
local lab = require "corosync.lab"
local chart, panels_of = dofile "bench/chart.lua", dofile "bench/ratio_panels.lua"

local PAIRS = tonumber(os.getenv "PAIRS") or 5
local SECONDS = 1 -- the approximate time of a run

local function numbers(name, default)
  local found = {}
  for number in (os.getenv(name) or default):gmatch "%d+" do
    found[#found + 1] = tonumber(number)
  end
  return found
end

local SIZES, WINDOWS = numbers("SIZES", "16 64 1000 10000 100000 1000000"), numbers("WINDOWS", "1 64")
local NODES = numbers("NODES", "1 3")

-- The programs: a name, and the command before the arguments. The others are compared to the first.
local PROGRAMS = {
  { "C", os.getenv "PLAIN", "bench" },
  { "least Lua 5.4", "lua5.4", "bench/least.lua", "bench" },
  { "Lua 5.4", "lua5.4", "bench/binding.lua", "bench" },
  { "Lua 5.4, reader", "env", "READER=1", "lua5.4", "bench/binding.lua", "bench" },
  { "LuaJIT", "env", "LUA_PATH=" .. os.getenv "JIT_PATH", "LUA_CPATH=" .. os.getenv "JIT_CPATH", "luajit",
    "bench/binding.lua", "bench" },
  { "cpgrun", os.getenv "CPGRUN", "--log-level", "error", "--group", "bench", "bench/host.lua" },
}

local function argv_of(program, ...)
  local argv = {}
  for i = 2, #program do
    argv[#argv + 1] = program[i]
  end
  for i = 1, select("#", ...) do
    argv[#argv + 1] = tostring((select(i, ...)))
  end
  return argv
end

-- One run: rate (messages/s), cpu (seconds per message), memory (kB), and with latency p50, p99, max (seconds).
local function run(cluster, program, count, size, window, latency)
  local code, out, err = cluster:command(1, argv_of(program, count, size, window, latency), 120)
  if code ~= 0 then
    error(("%s, %d bytes, window %d: %s%s"):format(program[1], size, window, out or "", err or ""))
  end
  local p50, p99, max = out:match "latency (%S+) (%S+) (%S+)"
  return {
    rate = tonumber(out:match "rate (%S+)"),
    cpu = tonumber(out:match "cpu (%S+)"),
    memory = tonumber(out:match "memory (%S+)"),
    p50 = tonumber(p50), p99 = tonumber(p99), max = tonumber(max),
  }
end

local function calibrate(cluster, size, window)
  local count = math.max(20, math.floor(2e6 / (size + 1000)))
  local rate = run(cluster, PROGRAMS[1], count, size, window).rate
  return math.max(20, math.floor(rate * SECONDS))
end

local function measure(cluster, size, window)
  local count, found = calibrate(cluster, size, window), {}
  for pair = 1, PAIRS do
    for i = 1, #PROGRAMS do
      -- The order changes with each pair.
      local index = (i + pair) % #PROGRAMS + 1
      local each = run(cluster, PROGRAMS[index], count, size, window)
      local timed = run(cluster, PROGRAMS[index], math.ceil(count / 2), size, window, "latency")
      each.p50, each.p99, each.max = timed.p50, timed.p99, timed.max
      found[index] = found[index] or {}
      found[index][pair] = each
    end
  end
  return found
end

-- Median, lowest and highest of a function of the pairs.
local function spread(of_pair)
  local values = {}
  for pair = 1, PAIRS do
    values[pair] = of_pair(pair)
  end
  table.sort(values)
  return { values[math.ceil(PAIRS / 2)], values[1], values[PAIRS] }
end

local function summarize(found, index)
  local function value(field)
    return spread(function(pair) return found[index][pair][field] end)[1]
  end
  local function ratio(field)
    return spread(function(pair) return found[index][pair][field] / found[1][pair][field] end)
  end
  return {
    rate = value "rate", cpu = value "cpu", memory = value "memory",
    p50 = value "p50", p99 = value "p99", max = value "max",
    rate_ratio = ratio "rate", cpu_ratio = ratio "cpu", p99_ratio = ratio "p99",
  }
end

local function with_spread(ratio)
  return ("%.2f (%.2f to %.2f)"):format(ratio[1], ratio[2], ratio[3])
end

local function print_row(size, window, name, it, is_first)
  local ratios = { "", "", "" }
  if not is_first then
    ratios = { with_spread(it.rate_ratio), with_spread(it.cpu_ratio), with_spread(it.p99_ratio) }
  end
  print(("| %d | %d | %s | %.0f | %.2f | %.0f | %.0f | %.0f | %.1f | %s |"):format(size, window, name, it.rate,
    it.cpu * 1e6, it.p50 * 1e6, it.p99 * 1e6, it.max * 1e6, it.memory / 1024, table.concat(ratios, " | ")))
end

local function first_line(command)
  local pipe = io.popen(command)
  local line = pipe:read "*l"
  pipe:close()
  return line or "unknown"
end

local function print_head()
  print(("%s, %s processors, Linux %s, %s, %s; %d pairs of runs of about %g s, medians; spread in brackets\n"):format(
    first_line "sed -n 's/^model name.*: //p' /proc/cpuinfo", first_line "nproc", first_line "uname -r",
    first_line "corosync -v | sed \"s/.*version '/Corosync /; s/'.*//\"", os.date "%Y-%m-%d", PAIRS, SECONDS))
end

local function print_table_head(nodes)
  print(("### %d node%s\n"):format(nodes, nodes == 1 and "" or "s"))
  print("| bytes | window | | messages/s | CPU, µs | p50, µs | p99, µs | max, µs | MB | rate to C | CPU to C "
    .. "| p99 to C |")
  print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
end

local function bench_on(nodes, results)
  local cluster = assert(lab.start(nodes))
  print_table_head(nodes)
  for _, window in ipairs(WINDOWS) do
    for _, size in ipairs(SIZES) do
      local found = measure(cluster, size, window)
      for index, program in ipairs(PROGRAMS) do
        local it = summarize(found, index)
        print_row(size, window, program[1], it, index == 1)
        it.nodes, it.size, it.window, it.program = nodes, size, window, program[1]
        results[#results + 1] = it
      end
    end
  end
  print ""
  assert(cluster:stop())
end

io.stdout:setvbuf "line"
print_head()
local results = {}
for _, nodes in ipairs(NODES) do
  bench_on(nodes, results)
end
chart(arg[1], panels_of(results, SIZES, PROGRAMS[1][1]), { columns = 3 })
