-- A member of the replica that writers.lua measures. It waits for the others. If it is a writer, it submits commands
-- with a number of them in flight. It ends when it is killed. With STORAGE in the environment, its storage is in that
-- folder.
--
--   member.lua NAME NODES WRITERS SIZE WINDOW
local core = require "corosync.core"
local loop = require "corosync.loop"
local replica = require "corosync.replica"
local uv = require "luv"
local writing = dofile "bench/replica/writing.lua"

local name, now = writing.name, core.now
local command = ("x"):rep(writing.size)
local begun = 0

local folder = os.getenv "STORAGE"
local storage = folder and ("%s/%s.%s"):format(folder, name, os.getenv "NODE") or nil

local app = assert(replica(name, { storage = storage, error = function(message) io.stderr:write(message, "\n") end }))
local log = app:machine("log", {
  initial = function() return { commands = 0 } end,
  apply = function(state) state.commands = state.commands + 1 end,
})

local function submit()
  local sent_at = now()
  assert(log:submit(command, function(result, message)
    assert(result, message)
    writing.count(sent_at)
    submit()
  end))
end

local function begin()
  writing.begin()
  for _ = 1, writing.window do
    submit()
  end
end

-- The writers begin when all of them are ready.
local start = app:machine("start", {
  apply = function() end,
  changed = function()
    begun = begun + 1
    if begun == writing.writers and writing.is_writer then
      begin()
    end
  end,
})

local timer = uv.new_timer()
timer:start(10, 10, function()
  if #select(4, app:status()) == writing.nodes then
    timer:close()
    if writing.is_writer then
      assert(start:submit("", function(...) assert(...) end))
    end
  end
end)
loop.run()
