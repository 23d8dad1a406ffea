-- Runs the loop, and each line of standard input as code in a coroutine, until the input ends. `compile(line)` makes a
-- function of it.
local loop = require "corosync.loop"
local uv = require "luv"

return function(compile)
  local rest = ""
  local input = uv.new_pipe(false)
  input:open(0)
  input:read_start(function(_, data)
    if not data then return loop.stop() end
    rest = (rest .. data):gsub("([^\n]*)\n", function(line)
      local ok, problem = coroutine.resume(coroutine.create(assert(compile(line))))
      if not ok then print("error", problem) end
      return ""
    end)
  end)
  print "up"
  loop.run()
end
