-- Prints the tables of docs/openresty.md on groups of nodes in nginx: events per second and their delay, compared to
-- groups of which each worker is a member; other requests, compared to an nginx without a group; memory and reloads.
--
--   make bench-resty-node [WORKERS=2] [MINUTES=5] [RELOADS=30] [PARTS="events requests memory reloads"]
local figures = require "bench.figures"
local lab = require "corosync.lab"
local server = require "bench.resty.server"

local WORKERS = tonumber(os.getenv "WORKERS" or 2)
local MINUTES = tonumber(os.getenv "MINUTES" or 5)
local RELOADS = tonumber(os.getenv "RELOADS" or 30)
local PARTS = os.getenv "PARTS" or "events requests memory reloads"
local COUNT, ROUNDS = 60000, 5

local function row(...)
  print("| " .. table.concat({ ... }, " | ") .. " |")
end

local function head(...)
  print()
  row(...)
  row(table.unpack((function(...)
    local line = {}
    for i = 1, select("#", ...) do line[i] = "---" end
    return line
  end)(...)))
end

local function percentile(values, share)
  table.sort(values)
  return values[math.ceil(#values * share)]
end

local function sender(cluster, ...)
  return assert(cluster:run(2, { "lua5.4", "bench/resty/sender.lua", ... }, { output = print }))
end

-- ---- events ----

-- The median of rounds, of the slowest worker; and how often a worker was disconnected.
local function measure_rate(cluster, nginx, pack)
  local rates, disconnects = {}, 0
  for i = 1, ROUNDS do
    nginx.results.rate, nginx.results.disconnected = {}, {}
    local program = sender(cluster, tostring(COUNT), pack and "pack" or "")
    nginx:wait_for(function() return #nginx.results.rate + #nginx.results.disconnected >= WORKERS end, "the events")
    nginx:wait_for(function() return program.exited end, "the sender to end")
    local slowest = math.huge
    for _, each in ipairs(nginx.results.rate) do
      local count, seconds = each:match "(%d+) ([%d.]+)"
      slowest = math.min(slowest, count / seconds)
    end
    rates[i], disconnects = slowest, disconnects + #nginx.results.disconnected
  end
  return percentile(rates, 0.5), disconnects
end

local function measure_delay(nginx)
  nginx.results.latency = {}
  nginx:curl "/ping?count=1000&pause=0.003"
  nginx:wait_for(function() return #nginx.results.latency >= 1000 * WORKERS end, "the delays")
  local values = {}
  for i, each in ipairs(nginx.results.latency) do values[i] = tonumber(each) / 1000 end
  return percentile(values, 0.5), percentile(values, 0.99)
end

local function measure_events(cluster, per)
  local nginx = server.start(cluster, 1, { port = 8090, per = per, workers = WORKERS })
  local plain = measure_rate(cluster, nginx, false)
  local median, high = measure_delay(nginx)
  local sends = nginx:curl "/flood?count=20000&threads=20"
  nginx:stop()
  nginx = server.start(cluster, 1, { port = 8090, per = per, workers = WORKERS, pack = true })
  local packed, disconnects = measure_rate(cluster, nginx, true)
  nginx:stop()
  row(per, ("%.0f"):format(plain), ("%.0f"):format(packed), ("%.2f"):format(median), ("%.2f"):format(high),
    (sends:gsub("%s", "")), disconnects)
end

-- ---- requests, memory, reloads ----

-- Median and 99th percentile, in milliseconds, of requests from eight connections, each every 10 ms.
local function measure_requests(nginx)
  local out = nginx:shell(("wrk -t1 -c8 -d5s --latency -s bench/resty/requests.lua http://127.0.0.1:%d/unrelated")
    :format(nginx.port))
  local function at(share)
    local value, unit = out:match("%s" .. share .. "%%%s+([%d.]+)(%a+)")
    assert(value, out)
    return ("%.2f"):format(tonumber(value) * ({ us = 0.001, ms = 1, s = 1000 })[unit])
  end
  return at "50" .. " / " .. at "99"
end

local function measure_all_requests(cluster, nginx)
  local without = server.start(cluster, 1, { port = 8091, per = "none", workers = WORKERS })
  head("messages a second", "requests of an nginx with a group, p50 / p99, ms", "of one without a group")
  for _, rate in ipairs { 0, 500, 3000 } do
    local program = rate > 0 and sender(cluster, "0", "", tostring(rate))
    row(rate, measure_requests(nginx), measure_requests(without))
    if program then
      program:kill "sigkill"
      nginx:wait_for(function() return program.exited end, "the sender to end")
    end
  end
  without:stop()
end

local function memory(nginx)
  local texts = {}
  for i, pid in ipairs(nginx:workers()) do
    texts[i] = ("%.1f"):format(nginx:shell("awk '/^VmRSS/ { print $2 }' /proc/" .. pid .. "/status") / 1024)
  end
  return table.concat(texts, ", ")
end

local function measure_memory(cluster, nginx)
  local program = sender(cluster, "0", "", "500")
  head("minutes at 500 messages a second", "memory of each worker, MB")
  for step = 0, 4 do
    if step > 0 then cluster:wait_for(function() return false end, MINUTES * 60 / 4) end
    row(("%.1f"):format(MINUTES * step / 4), memory(nginx))
  end
  program:kill "sigkill"
end

local MEMBERS = [[lua5.4 -e 'for name, members in require("corosync.core").cpg.open({}):groups() do
  if name == "bench" then print(#members) end end']]

-- Resources that reloads could leave behind.
local function leftovers(nginx)
  local descriptors = 0
  for _, pid in ipairs(nginx:workers()) do
    descriptors = descriptors + nginx:shell("ls /proc/" .. pid .. "/fd | wc -l")
  end
  return nginx:shell(MEMBERS), nginx:shell "grep -c @corosync- /proc/net/unix",
    nginx:shell "ls -R /dev/shm | grep -c data",
    nginx:shell "ls -d /tmp/corosync* 2>/dev/null | wc -l", descriptors
end

local function reload(nginx, old)
  nginx.results.config = {}
  nginx:shell(("kill -HUP $(cat /run/nginx%d.pid)"):format(nginx.port))
  nginx:wait_for_join(WORKERS)
  for _, pid in ipairs(old) do
    nginx:wait_for(function() return nginx:shell("test -d /proc/" .. pid .. " || echo gone") == "gone" end, "its end")
  end
end

local function measure_reloads(nginx)
  head("reloads", "members", "sockets of workers", "files in /dev/shm", "folders in /tmp", "descriptors of workers")
  reload(nginx, nginx:workers())
  row(0, leftovers(nginx))
  for _ = 1, RELOADS do reload(nginx, nginx:workers()) end
  row(RELOADS, leftovers(nginx))
end

local cluster = assert(lab.start(2))
figures.print_head(("%d workers on one of two nodes, a sender on the other, messages of 50 bytes"):format(WORKERS))
if PARTS:find "events" then
  head("per", "events/s", "packed events/s", "delay, p50, ms", "p99, ms", "sends/s of 20 light threads", "disconnects")
  for _, per in ipairs { "node", "worker" } do measure_events(cluster, per) end
end
local nginx = server.start(cluster, 1, { port = 8090, per = "node", workers = WORKERS })
if PARTS:find "requests" then measure_all_requests(cluster, nginx) end
if PARTS:find "memory" then measure_memory(cluster, nginx) end
if PARTS:find "reloads" then measure_reloads(nginx) end
nginx:stop()
assert(cluster:stop())
