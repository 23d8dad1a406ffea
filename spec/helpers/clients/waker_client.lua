-- Waits for the loss of its daemon as nginx's workers do: on the waker's socket alone.
local core = require "corosync.core"
local cpg = require "corosync.cpg"
local uv = require "luv"
io.stdout:setvbuf "line"

local handle = assert(cpg.open {})
local waker = assert(core.waker())
local watch = assert(waker:watch(assert(handle:fd()), "/tmp", 3600))
local pipe = uv.new_pipe(false)
pipe:connect(watch:path(), function(problem)
  assert(not problem, problem)
  pipe:read_start(function()
    print("rung", select(3, handle:dispatch()))
    pipe:close()
  end)
  assert(watch:arm())
  print "armed"
end)
uv.run()
watch:close()
waker:close()
