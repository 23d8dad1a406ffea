-- Three etcd servers on the nodes of a lab, and wrk that puts 64 bytes at a time through their JSON gateway. Their data
-- is in memory, or in the folder of STORAGE.
local settings = require "bench.replica.settings"

local etcd = {}

local SCRIPT = "bench/replica/put.lua"

function etcd.is_installed()
  return os.execute "command -v etcd wrk >/dev/null" == true
end

local function url(node, port)
  return ("http://10.9.0.%d:%d"):format(node, port)
end

local function argv_of(node, nodes)
  local data = settings.storage and ("%s/etcd.%d"):format(settings.storage, node) or "/run/etcd"
  local members = {}
  for i = 1, nodes do
    members[i] = ("n%d=%s"):format(i, url(i, 2380))
  end
  return { "etcd", "--name", "n" .. node, "--data-dir", data, "--log-level", "error",
    "--listen-peer-urls", url(node, 2380), "--initial-advertise-peer-urls", url(node, 2380),
    "--listen-client-urls", url(node, 2379), "--advertise-client-urls", url(node, 2379),
    "--initial-cluster", table.concat(members, ",") }
end

-- Puts for so many seconds, and returns the rate (puts/s) and the median latency in seconds; nil if some puts failed.
function etcd.put(cluster, window, seconds)
  local code, out, err = cluster:command(1, { "wrk", "-t1", "-c" .. window, "-d" .. seconds .. "s", "-s", SCRIPT,
    url(1, 2379) }, seconds + 30)
  if code ~= 0 then
    return nil, out or err
  end
  local rate, p50, failed = out:match "result (%S+) (%S+) (%S+)"
  if not rate or tonumber(failed) > 0 then
    return nil, out
  end
  return tonumber(rate), tonumber(p50)
end

function etcd.start(cluster)
  for node = 1, cluster.nodes do
    assert(cluster:run(node, argv_of(node, cluster.nodes), { output = function() end }))
  end
  assert(cluster:wait_for(function() return etcd.put(cluster, 1, 1) ~= nil end, 60, "etcd"))
end

return etcd
