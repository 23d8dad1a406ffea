-- Receives messages while finalizers call the method of the handle that the argument names, or raise. It is a program
-- of its own, because each allocation runs a whole collection. A new coroutine's stack grows within receive, so that
-- finalizers run there, between the look at the queue and the making of the values.
local cpg = require "corosync.cpg"
local finalized = require "spec.helpers.finalized"

local MESSAGES, MOST, FINALIZERS = 1000, 9000, 10

local function join(given)
  local handle = assert(cpg.open(given))
  local deadline = os.time() + 60
  local ok, message, code
  repeat
    ok, message, code = handle:join("finalizers " .. handle:address().pid)
    handle:wait(0.01)
  until code ~= "try_again" or os.time() > deadline
  assert(ok, message)
  return handle
end

local acting, busy, receiving, struck = false, false, false, 0

local function litter(act)
  finalized(function()
    if acting and not busy then
      busy, struck = true, struck + (receiving and 1 or 0)
      act()
      busy = false
    end
    if acting then
      litter(act)
    end
  end)
end

-- Each message has its own count, because a finalizer can also run here, and would move the end of a list.
local seen, count = {}, 0
local function see(message)
  local number = tonumber(message:sub(1, 4))
  seen[number] = (seen[number] or 0) + 1
  count = count + 1
end

local function note(kind, _, message)
  if kind == "message" then
    see(message)
  end
end

local function receive(handle, filler)
  receiving = true
  local kind, from, message = handle:receive(filler)
  receiving = false
  return kind, from, message
end

local sent = 0
local function send(handle, last, filling)
  while sent < last do
    sent = sent + 1
    assert(handle:send(("%04d"):format(sent) .. filling))
  end
  handle:wait(1)
end

local deadline = os.time() + 60

local function receive_in_coroutine(handle, round)
  local filler = ("x"):rep(round % 9):gsub("x", "yy")
  note(coroutine.wrap(function() return receive(handle, filler) end)())
end

-- Finalizers call a method of the handle. Each message that waits is received or dispatched. If no finalizer has run
-- within receive yet, more messages are sent.
local function use(act)
  local handle, round, last = join { message_received = function(_, message) see(message) end }, 0, 0
  while last < MESSAGES or struck == 0 and last < MOST and os.time() < deadline do
    last = last + 200
    send(handle, last, "")
    collectgarbage("setpause", 0)
    collectgarbage("setstepmul", 1000)
    if _VERSION == "Lua 5.2" then
      collectgarbage "generational" -- the incremental collector would pause nevertheless
    end
    acting = true
    for _ = 1, FINALIZERS do
      litter(function() act(handle) end)
    end
    while count < last and os.time() < deadline do
      round = round + 1
      receive_in_coroutine(handle, round)
      if round % 7 == 0 then
        handle:dispatch(2)
      end
    end
    acting = false
  end
end

local programs = {
  receive = function() use(function(handle) note(handle:receive()) end) end,
  dispatch = function() use(function(handle) handle:dispatch(1) end) end,
  fetch = function() use(function(handle) handle:fetch() end) end,
}

-- An error in a finalizer ends the receive that it interrupts; Lua 5.4 only warns of it.
function programs.raise()
  local handle, filling, armed = join {}, ("x"):rep(20000), false
  local function fail()
    if armed then
      armed, struck = false, struck + 1
      error("a finalizer's", 0)
    end
  end
  -- A Lua function, because pcall of Lua 5.1 may run finalizers when a C function has returned.
  local function look()
    armed = true
    local kind, from, message = handle:receive()
    armed = false
    note(kind, from, message)
  end
  while count < MESSAGES and os.time() < deadline do
    send(handle, math.min(MESSAGES, count + 20), filling)
    finalized(fail)
    pcall(look)
    armed = false
  end
end

programs[arg[1]]()
for i = 1, math.max(count, MESSAGES) do
  assert(seen[i] == 1, ("message %d was seen %d times"):format(i, seen[i] or 0))
end
assert(struck > 0, "no finalizer ran within receive")
print "each message was seen once"
