std = "max"
max_line_length = 120
exclude_files = { "build", "docs", "types" }

-- Scripts for cpgrun: their handlers and what they find are globals by design.
files["examples"] = {
  globals = { "config_change", "message_received", "quorum_change", "ring_change", "view_change", "started", "stopping",
    "disconnected", "lagged", "line_received", "before_reload", "after_reload", "group_name", "pack" },
  read_globals = { "after", "calls", "check", "cmap", "every", "json", "leader", "lock", "log", "map", "periodically", "quorum",
    "sleep", group = { other_fields = true,
    fields = { settle = { read_only = false }, timeout = { read_only = false } } } },
}
files["soak/packed.lua"] = { globals = { "group", "message_received", "pack" } }
for _, path in ipairs { "bench/host.lua", "soak/member.lua", "soak/replica.lua" } do
  files[path] = files["examples"]
end
-- In nginx.
for _, path in ipairs { "lua/corosync/resty.lua", "lua/corosync/resty", "lua/resty", "examples/nginx",
  "spec/helpers/nginx", "bench/resty/worker.lua" } do
  files[path] = { std = "ngx_lua" }
end
files["examples/nginx/demo"] = { std = "max" }
files["bench/resty/requests.lua"] = { globals = { "delay" } }
files["examples/nginx/demo/load.lua"] = {
  globals = { "setup", "request", "response", "done", "hits", "failures" }, read_globals = { "wrk" },
}
-- Scripts for cpgrun --lab-script.
files["examples/demo/story.lua"] = {
  read_globals = { "partition", "heal", "kill", "kill_host", "pause", "resume", "restart", "wait_for", "write", "output",
    "stop", "nodes", "quiet", "sleep" },
}
files["lua/cpgrun"] = { globals = { "arg" } }
files["spec"] = { std = "+busted" }
files["rockspec"] = { std = "+rockspec" }
