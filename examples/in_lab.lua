-- Runs a program on each node of a private cluster: a Lua file that uses the binding without cpgrun, or any executable.
--
--   lua5.4 examples/in_lab.lua 3 program.lua     then type, for example:  kill(2)  restart(2)  partition({1,2},{3})
--                                                or a shell command for a node:  2: ip addr    or:  help
--
-- The lab ends when all programs have ended. In a clone it needs `make` only. The rock cpgrun has corosync.lab, too.
local top, version = (arg[0]:match "^(.*)/" or ".") .. "/..", _VERSION:match "[%d.]+"
local tree = ("%s/build/%s/%%s/lua/%s/"):format(top, jit and "jit" or version, version)
local modules = tree:format "share"
package.path = ("%s?.lua;%s?/init.lua;%s"):format(modules, modules, package.path)
package.cpath = ("%s?.so;%s"):format(tree:format "lib", package.cpath)

local lab = require "corosync.lab"
local uv = require "luv"
local wait = require "corosync.lab.wait"

if not tonumber(arg[1]) or not arg[2] then
  io.stderr:write "Usage: lua5.4 examples/in_lab.lua NODES PROGRAM [ARGUMENTS]\n"
  os.exit(1)
end

io.stdout:setvbuf "line"
local cluster = assert(lab.start(tonumber(arg[1])))
local running, worst = cluster.nodes, 0

local unpack = table.unpack or unpack -- luacheck: ignore 113

local argv = { unpack(arg, 2) }
if argv[1]:match "%.lua$" then
  table.insert(argv, 1, arg[-1])
end

-- A program with another Lua, such as one that embeds LuaJIT, must not get the paths of this one.
local suffix = version == "5.1" and "" or "_" .. version:gsub("%.", "_")

local function printer(node)
  return function(line) print(("%d| %s"):format(node, line)) end
end

for node = 1, cluster.nodes do
  assert(cluster:run(node, argv, {
    host = true,
    env = { NODE = tostring(node), ["LUA_PATH" .. suffix] = package.path, ["LUA_CPATH" .. suffix] = package.cpath },
    output = printer(node),
    exit = function(code)
      running, worst = running - 1, math.max(worst, code)
    end,
  }))
end

-- The cluster ends with this process.
local signal = uv.new_signal()
signal:start("sigint", function() os.exit(130) end)
signal:unref()

local HELP = [[
  kill(2)               kills node 2's corosync   restart(2)  (re)starts it, and the program if that has ended
  kill_host(2)          kills node 2's program    pause(2)    pauses its corosync; resume(2) continues it
  partition({1,2},{3})  splits the network        heal()      reconnects it
  2: ip addr            runs a shell command on node 2
  help                  shows this                stop()      ends the lab, like Ctrl-C]]

-- A subset of those of cpgrun --lab.
local commands = setmetatable({}, {
  __index = function(_, name) error("there is no command " .. name .. ": type help", 0) end,
})

for _, name in ipairs { "kill", "kill_host", "pause", "resume", "partition", "heal" } do
  commands[name] = function(...) assert(cluster[name](cluster, ...)) end
end

function commands.restart(node)
  local _, started = assert(cluster:restart(node))
  running = running + (started and 1 or 0)
end

function commands.stop() os.exit(worst) end

local function compile(text)
  if not setfenv then return load(text, "=typed", "t", commands) end
  local chunk, problem = loadstring(text, "=typed")
  return chunk and setfenv(chunk, commands), problem
end

local function handle_line(line)
  local node, command = line:match "^%s*(%d+)%s*:%s*(.*)"
  if node then
    node = tonumber(node)
    return assert(cluster:run(node, { "sh", "-c", command }, { output = printer(node) }))
  end
  if line:match "^%s*help%s*$" then return print(HELP) end
  local chunk, problem = compile(line)
  if not chunk then error(problem .. ": type help", 0) end
  chunk()
  print(line)
end

local kind = uv.guess_handle(0)
if kind == "tty" or kind == "pipe" then
  local input = uv.new_pipe(false)
  input:open(0)
  input:read_start(function(_, text)
    for line in (text or ""):gmatch "[^\n]+" do
      -- In a coroutine, because a fault waits while the loop runs.
      coroutine.wrap(function()
        local ok, problem = wait.call(function() handle_line(line) end)
        if not ok then
          print(problem)
        end
      end)()
    end
  end)
end

cluster:wait_for(function() return running == 0 end, math.huge)
cluster:stop()
os.exit(worst)
