-- A tracker of shutdown requests. Its arguments are its replies, one for each request: "true" or "false", "late" for
-- "false" after a line on stdin, "twice" for two replies of its own that allow it. Prints each request.
local cfg = require "corosync.cfg"
io.stdout:setvbuf "line"

local ANSWERS = { ["true"] = true, ["false"] = false, late = false }
local asked = 0
local handle
handle = assert(cfg.open {
  shutdown_request = function(kind)
    asked = asked + 1
    print(kind)
    if arg[asked] == "late" then
      io.read "*l"
    elseif arg[asked] == "twice" then
      print(handle:reply_shutdown(true), (select(3, handle:reply_shutdown(true))))
    end
    return ANSWERS[arg[asked]]
  end,
})
print "ready"
local code
repeat
  handle:wait()
  code = select(3, handle:dispatch())
until code
print(code)
for _, method in ipairs { "local_node", "ring_status", "reload", "reopen_logs", "try_shutdown" } do
  print(method, select(3, handle[method](handle)))
end
for _, method in ipairs { "node_addresses", "node_status", "kill_node" } do
  print(method, select(3, handle[method](handle, 1)))
end
print("reply_shutdown", select(3, handle:reply_shutdown(true)))
print("close", handle:close())
