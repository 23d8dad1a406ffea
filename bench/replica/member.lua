-- A member of the replica that run.lua measures. It waits for the others. If it is a writer, it submits commands with a
-- number of them in flight. It ends when it is killed. With STORAGE in the environment, its storage is in that folder.
--
--   member.lua NAME NODES WRITERS COUNT SIZE WINDOW [latency]
local core = require "corosync.core"
local loop = require "corosync.loop"
local print_figures = dofile "bench/print_figures.lua"
local replica = require "corosync.replica"
local uv = require "luv"

local name, nodes, writers = arg[1], tonumber(arg[2]), tonumber(arg[3])
local count, size, window = tonumber(arg[4]), tonumber(arg[5]), tonumber(arg[6])
local is_writer = tonumber(os.getenv "NODE") <= writers
local now = core.now
local command = ("x"):rep(size)
local submitted, confirmed, begun, began, cpu = 0, 0, 0, nil, nil
local latencies = arg[7] and {}

local folder = os.getenv "STORAGE"
local storage = folder and ("%s/%s.%s"):format(folder, name, os.getenv "NODE") or nil

local app = assert(replica(name, { storage = storage, error = function(message) io.stderr:write(message, "\n") end }))
local log = app:machine("log", {
  initial = function() return { commands = 0 } end,
  apply = function(state) state.commands = state.commands + 1 end,
})

local function submit()
  local at = latencies and now()
  submitted = submitted + 1
  assert(log:submit(command, function(result, message)
    assert(result, message)
    confirmed = confirmed + 1
    if latencies then
      latencies[confirmed] = now() - at
    end
    if confirmed == count then
      local ended = now()
      print_figures(count, ended - began, os.clock() - cpu, latencies)
      print(("times %.9f %.9f"):format(began, ended))
      io.stdout:flush()
    elseif submitted < count then
      submit()
    end
  end))
end

local function begin()
  began, cpu = now(), os.clock()
  for _ = 1, window do
    submit()
  end
end

-- The writers begin when all of them are ready.
local start = app:machine("start", {
  apply = function() end,
  changed = function()
    begun = begun + 1
    if begun == writers and is_writer then
      begin()
    end
  end,
})

local timer = uv.new_timer()
timer:start(10, 10, function()
  if #select(4, app:status()) == nodes then
    timer:close()
    if is_writer then
      assert(start:submit("", function(...) assert(...) end))
    end
  end
end)
loop.run()
