-- A member of a replica: runs each line of its input as Lua, in a coroutine. Arguments: the replica's name, and Lua
-- that runs at first, with the global `app`: it may set the option of that name in `options` and define machines.
local loop = require "corosync.loop"
local replica = require "corosync.replica"
local uv = require "luv"

io.stdout:setvbuf "line"
local compile = loadstring or load -- luacheck: ignore 113

-- luacheck: globals options app list show
options = {
  ready = function() print "ready" end,
  suspended = function(why) print("suspended", why) end,
  error = function(message) print("problem", (message:gsub("\n.*", ""))) end,
}
local before, after = (arg[2] or ""):match "^(.-)\n%-%-%-\n(.*)$"
assert(compile(before or ""))()
app = assert(replica(arg[1], options))

-- A list that refuses "bad".
function list(methods)
  methods = methods or {}
  methods.apply = methods.apply or function(state, command)
    state[#state + 1] = command
    if command == "bad" then error "a bad one" end
    return #state
  end
  return app:machine("list", methods)
end

-- Prints a list's short entries.
function show(state)
  local short = {}
  for _, each in ipairs(state) do
    short[#short + 1] = #each < 100 and each or nil
  end
  print("state", table.concat(short, " "))
end

assert(compile(after or arg[2] or ""))()

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
