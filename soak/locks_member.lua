-- A member for soak/locks.lua. It acquires a lock again and again, writes to the store with its token while it holds
-- the lock, and once more after it has lost the lock. Each line has the time of a clock that all processes share.
local replica = require "corosync.replica"
local uv = require "luv"

io.stdout:setvbuf "line"

local WRITES, PAUSE = 25, 20 -- of a holder, and milliseconds between them

local function say(what, token, extra)
  print(("%s %.0f %.6f %s"):format(what, token, uv.hrtime() / 1e9, extra or ""))
end

local app
app = assert(replica("soak", { patience = 1, error = function(message) io.stderr:write(message, "\n") end }))
local lock = app:lock "store"

-- For the report of a failed run.
local signal = uv.new_signal()
signal:start("sigusr1", function()
  local state, generation, index, full, learners, why = app:status()
  local holder, token, _, waiters = lock:holder()
  print(("status %s, %s, index %s, %d full, %d learners, %s; lock: %s, %s, %d wait"):format(state, tostring(generation),
    tostring(index), #full, #learners, tostring(why), tostring(holder), tostring(token), waiters and #waiters or 0))
end)

local function sleep(milliseconds)
  local routine, timer = coroutine.running(), uv.new_timer()
  timer:start(milliseconds, 0, function()
    timer:close()
    assert(coroutine.resume(routine))
  end)
  coroutine.yield()
end

local function hold()
  local held, is_lost
  held = assert(lock:acquire { lost = function(reason)
    is_lost = true
    say("lost", held.token, reason)
  end })
  say("held", held.token)
  for _ = 1, WRITES do
    say("write", held.token)
    sleep(PAUSE)
    if is_lost then
      return say("write", held.token)
    end
  end
  say("released", held.token)
  assert(held:release())
end

-- locks.lua waits until all members have the state again, because two failures at a time stop three nodes.
local last
uv.new_timer():start(100, 100, function()
  local full = #select(4, app:status())
  if full ~= last then
    last = full
    say("full", full)
  end
end)

coroutine.wrap(function()
  while true do
    hold()
  end
end)()

require("corosync.loop").run()
