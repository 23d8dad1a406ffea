-- A member of a replica that uses locks, elections and periodic tasks as the lines of its input say. It writes what
-- happens, each line with the time of a clock that all processes of the machine share, in seconds.
--   arguments: the replica's name, and a storage file or nothing
local corosync_loop = require "corosync.loop"
local replica = require "corosync.replica"
local uv = require "luv"

io.stdout:setvbuf "line"

local function say(...)
  print(table.concat({ ... }, " ") .. (" @%.4f"):format(uv.hrtime() / 1e9))
end

local app
local held = {}

local function integer(number)
  return ("%.0f"):format(number)
end

local function on_error(message)
  io.stderr:write(message, "\n")
end

app = assert(replica(arg[1], { storage = arg[2], error = on_error, timeout = 5,
  ready = function() say "ready" end, suspended = function() say "suspended" end }))

local commands = {}

function commands.acquire(name, timeout)
  local got, message, code = app:lock(name):acquire { timeout = tonumber(timeout), lost = function(reason)
    say("lost", name, reason)
  end }
  if got then
    held[name] = got
    say("held", name, integer(got.token))
  else
    say("failed", name, code)
    on_error(message)
  end
end

function commands.release(name)
  local ok, _, code = held[name]:release()
  say("released", name, ok and "true" or code)
end

-- A write to the store, with the token of the last grant, whether or not it was lost.
function commands.write(name)
  say("write", name, integer(held[name].token))
end

function commands.holder(name)
  local address, token, _, waiters = app:lock(name):holder()
  for i, waiter in ipairs(waiters or {}) do
    waiters[i] = tostring(waiter)
  end
  say("holder", name, tostring(address), token and integer(token) or "-", table.concat(waiters or {}, ","))
end

function commands.lead(name)
  app:leader(name, {
    elected = function(token) say("elected", name, integer(token)) end,
    deposed = function(reason) say("deposed", name, reason) end,
  })
end

function commands.resign(name)
  local ok, _, code = app:leader(name):resign()
  say("resigned", name, ok and "true" or code)
end

function commands.every(name, seconds)
  app:every(name, tonumber(seconds), function(tick, token, missed)
    say("tick", name, integer(tick), integer(token), integer(missed))
  end)
end

function commands.close()
  say("closed", tostring(app:close()))
  corosync_loop.stop()
end

local input = uv.new_pipe(false)
input:open(0)
input:read_start(function(_, data)
  for line in (data or ""):gmatch "[^\n]+" do
    local verb, name, argument = line:match "^(%l+) ?(%S*) ?(%S*)$"
    coroutine.wrap(commands[verb])(name, argument)
  end
end)

corosync_loop.run()
