-- For wrk, see etcd.lua: puts of 64 bytes ("x" 63 times and a newline, in base64).
wrk.method = "POST" -- luacheck: ignore 112
wrk.path = "/v3/kv/put" -- luacheck: ignore 112
wrk.body = '{"key": "a2V5", "value": "' .. ("eHh4"):rep(21) .. 'Cg=="}' -- luacheck: ignore 112

function done(summary, latency) -- luacheck: ignore 111 131
  local failed = summary.errors
  io.write(("result %.3f %.9f %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e6,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
