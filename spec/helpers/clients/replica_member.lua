-- A member of a replica: runs each line of its input as Lua, in a coroutine. Arguments: the replica's name, and Lua
-- that runs at first, with the global `app`: it may set the option of that name in `options` and define machines.
local replica = require "corosync.replica"
local uv = require "luv"

io.stdout:setvbuf "line"
local compile = loadstring or load -- luacheck: ignore 113

-- luacheck: globals options app list show wait_for
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

-- Prints the member's status when it is ready, or when it waits for this reason.
function wait_for(text)
  local timer = uv.new_timer()
  timer:start(0, 10, function()
    local status, _, _, _, _, why = app:status()
    if status == "ready" or tostring(why):find(text, 1, true) then
      timer:close()
      print("is", status)
    end
  end)
end

assert(compile(after or arg[2] or ""))()

dofile "spec/helpers/clients/run_lines.lua"(compile)
