-- Runs the same work in plain C and in Lua, in turn, on one real daemon and on three. Prints a table, and writes a
-- chart to the file in the first argument.
--
--   make bench [PAIRS=5] [SIZES="64 1000"] [WINDOWS="1 64"] [NODES="1 3"]
local lab = require "corosync.lab"
local chart, panels_of = dofile "bench/chart.lua", dofile "bench/ratio_panels.lua"
local figures = dofile "bench/figures.lua"

local PAIRS = tonumber(os.getenv "PAIRS") or 5
local SECONDS = 0.7 -- the approximate time of a run

local function numbers(name, default)
  local found = {}
  for number in (os.getenv(name) or default):gmatch "%d+" do
    found[#found + 1] = tonumber(number)
  end
  return found
end

local SIZES, WINDOWS = numbers("SIZES", "64 1000 10000 1000000"), numbers("WINDOWS", "1 64")
local NODES = numbers("NODES", "1 3")

local JIT = { "env", "LUA_PATH=" .. os.getenv "JIT_PATH", "LUA_CPATH=" .. os.getenv "JIT_CPATH" }
local AHEAD = 16 -- times the window for packed programs: their frames in flight are then about as many as C's messages

local C = { "C", os.getenv "PLAIN", "bench" }
local LUA = { "Lua 5.4", "lua5.4", "bench/binding.lua", "bench" }
local CPGRUN = os.getenv "CPGRUN"

-- The programs of a table: a name, and the command before the arguments. The others are compared to the first.
local PLAIN = {
  title = "",
  sizes = SIZES,
  C,
  { "least Lua 5.4", "lua5.4", "bench/least.lua", "bench" },
  LUA,
  { "Lua 5.4, reader", "env", "READER=1", "lua5.4", "bench/binding.lua", "bench" },
  { "LuaJIT", JIT[1], JIT[2], JIT[3], "luajit", "bench/binding.lua", "bench" },
  { "cpgrun", CPGRUN, "--log-level", "error", "--group", "bench", "bench/host.lua" },
}
local PACKED = {
  title = ", packed",
  sizes = numbers("PACKED_SIZES", "64 1000"),
  C,
  LUA,
  { "Lua 5.4, packed, same window", "env", "PACK=1", "lua5.4", "bench/binding.lua", "bench" },
  { "Lua 5.4, packed", "env", "PACK=1", "lua5.4", "bench/binding.lua", "bench", ahead = AHEAD },
  { "LuaJIT, packed", JIT[1], JIT[2], JIT[3], "PACK=1", "luajit", "bench/binding.lua", "bench", ahead = AHEAD },
  { "cpgrun, packed", CPGRUN, "--pack", "--log-level", "error", "--group", "bench", "bench/host.lua", ahead = AHEAD },
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
  if program.ahead and window > 1 then
    count, window = math.floor(count * program.ahead / 4), window * program.ahead
  end
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
  local rate = run(cluster, C, count, size, window).rate
  return math.max(20, math.floor(rate * SECONDS))
end

local function measure(cluster, programs, size, window)
  local count, found = calibrate(cluster, size, window), {}
  for pair = 1, PAIRS do
    for i = 1, #programs do
      -- The order changes with each pair.
      local index = (i + pair) % #programs + 1
      local each = run(cluster, programs[index], count, size, window)
      local timed = run(cluster, programs[index], math.ceil(count / 2), size, window, "latency")
      each.p50, each.p99, each.max = timed.p50, timed.p99, timed.max
      found[index] = found[index] or {}
      found[index][pair] = each
    end
  end
  return found
end

local function summarize(found, index)
  local function value(field)
    return figures.each_pair(found[index], function(each) return each[field] end)[1]
  end
  local function ratio(field)
    local values = {}
    for pair, each in ipairs(found[index]) do
      values[pair] = each[field] / found[1][pair][field]
    end
    return figures.spread(values)
  end
  return {
    rate = value "rate", cpu = value "cpu", memory = value "memory",
    p50 = value "p50", p99 = value "p99", max = value "max",
    rate_ratio = ratio "rate", cpu_ratio = ratio "cpu", p99_ratio = ratio "p99",
  }
end

local function print_row(size, window, name, it, is_first)
  local ratios = { "", "", "" }
  if not is_first then
    for i, ratio in ipairs { it.rate_ratio, it.cpu_ratio, it.p99_ratio } do
      ratios[i] = figures.with_spread(ratio)
    end
  end
  print(("| %d | %d | %s | %.0f | %.2f | %.0f | %.0f | %.0f | %.1f | %s |"):format(size, window, name, it.rate,
    it.cpu * 1e6, it.p50 * 1e6, it.p99 * 1e6, it.max * 1e6, it.memory / 1024, table.concat(ratios, " | ")))
end

local function print_table_head(nodes, title)
  print(("### %d node%s%s\n"):format(nodes, nodes == 1 and "" or "s", title))
  print("| bytes | window | | messages/s | CPU, µs | p50, µs | p99, µs | max, µs | MB | rate to C | CPU to C "
    .. "| p99 to C |")
  print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
end

-- Prints a table and returns its rows.
local function bench(cluster, nodes, programs)
  local results = {}
  print_table_head(nodes, programs.title)
  for _, window in ipairs(WINDOWS) do
    for _, size in ipairs(programs.sizes) do
      local found = measure(cluster, programs, size, window)
      for index, program in ipairs(programs) do
        local it = summarize(found, index)
        print_row(size, window, program[1], it, index == 1)
        it.nodes, it.size, it.window, it.program = nodes, size, window, program[1]
        results[#results + 1] = it
      end
    end
  end
  print ""
  return results
end

io.stdout:setvbuf "line"
figures.print_head(("%d pairs of runs of about %g s, medians; spread in brackets"):format(PAIRS, SECONDS))
local plain = {}
for _, nodes in ipairs(NODES) do
  local cluster = assert(lab.start(nodes))
  for _, it in ipairs(bench(cluster, nodes, PLAIN)) do
    plain[#plain + 1] = it
  end
  bench(cluster, nodes, PACKED)
  assert(cluster:stop())
end
chart(arg[1], panels_of(plain, SIZES, C[1]), { columns = 3 })
