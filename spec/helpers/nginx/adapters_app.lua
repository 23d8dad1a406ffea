-- The application of the specs' nginx with the modules in lua/resty/corosync/. Its events go to stderr, a line each:
-- pid, kind, details.
local corosync_resty = require "corosync.resty"
local now = require("corosync.binding").now
local new_lock = require "resty.corosync.lock"

local function tell(...)
  io.stderr:write(table.concat({ ngx.worker.pid(), ... }, " ") .. "\n")
end

local app, commands = {}, {}

-- ---- ipc: as mlcache uses it ----

local second_level = ngx.shared.second_level
local ipc = assert(require("resty.corosync.ipc").new("ipc", { shm = "second_level" }))
assert(ipc.register_listeners {
  invalidation = { channel = "mlcache:invalidations:users", handler = function(key) tell("invalidated", key) end },
  purge = { channel = "mlcache:purge:users", handler = function() tell "purged" end },
})
assert(ipc.register_listeners { -- by another cache of that name
  invalidation = { channel = "mlcache:invalidations:users", handler = function(key) tell("also invalidated", key) end },
})

function commands.store(args)
  second_level:set("users" .. args.key, "value")
  ngx.say "stored"
end

function commands.delete(args)
  second_level:delete("users" .. args.key)
  ngx.say(tostring(ipc.broadcast("mlcache:invalidations:users", args.key)))
end

function commands.purge()
  second_level:flush_all()
  ngx.say(tostring(ipc.broadcast("mlcache:purge:users", "")))
end

function commands.second_level(args)
  ngx.say(second_level:get("users" .. args.key) or "nothing")
end

-- The last step of mlcache's `set`.
function commands.broadcast(args)
  local ok, message = ipc.broadcast("mlcache:invalidations:users", args.key)
  ngx.say(message or tostring(ok))
end

function commands.is_in_use()
  ngx.say(tostring(ipc.is_in_use()))
end

-- ---- events ----

local events = require("resty.corosync.events").new { name = "events", unique_timeout = 60 }
events:subscribe("*", "*", function(data, event, source, address)
  tell("event", source, event, tostring(data and data.text), tostring(address))
end)
events:subscribe("other", "*", function() error "as asked" end)
local removed = events:subscribe("*", "*", function() tell "never" end)
assert(events:init_worker())
events:unsubscribe(removed)

function commands.publish(args)
  ngx.say(tostring(events:publish(args.target, args.source, "event", { text = args.text })))
end

function commands.is_ready()
  ngx.say(tostring(events:is_ready()))
end

-- ---- locks ----

local locks = assert(corosync_resty.replica("locks", { directory = "/run" }))

function commands.lock(args)
  local held = new_lock:new(locks, { timeout = tonumber(args.timeout), exptime = tonumber(args.exptime) })
  local elapsed, message = held:lock(args.key)
  ngx.say(elapsed and ("locked %.0f"):format(held.token) or message)
end

-- Some requests at once: for each its token, and when it held the lock.
function commands.compete()
  local threads = {}
  for i = 1, 10 do
    threads[i] = ngx.thread.spawn(function()
      local lock = new_lock:new(locks, { timeout = 30 })
      assert(lock:lock "shared")
      local from = now()
      ngx.sleep(0.003)
      ngx.say(("%.0f %.9f %.9f"):format(lock.token, from, now()))
      assert(lock:unlock() == 1)
    end)
  end
  for i = 1, 10 do assert(ngx.thread.wait(threads[i])) end
end

function commands.locked_and_forgotten(args)
  local lock = new_lock:new(locks, { exptime = tonumber(args.exptime) })
  assert(lock:lock(args.key))
  ngx.say(("%.0f"):format(lock.token))
end

function commands.locked_by_killed_thread(args)
  local thread = ngx.thread.spawn(function() new_lock:new(locks, { timeout = 1, exptime = 1 }):lock(args.key) end)
  ngx.say(ngx.thread.kill(thread) and "killed")
end

function commands.unlock_twice(args)
  local lock = new_lock:new(locks)
  assert(lock:lock(args.key))
  ngx.say(select(2, lock:lock(args.key)), " ", lock:unlock(), " ", select(2, lock:unlock()), " ",
    select(2, lock:expire()), " ", (select(2, lock:lock(nil))))
end

-- ---- counters ----

local counters = assert(require("resty.corosync.counters").new("counters", { store = "counts", window = 3600 }))
local limit = counters:limit(100)

function commands.incoming(args)
  local passed = 0
  for _ = 1, tonumber(args.count) do
    passed = passed + (limit:incoming(args.key, true) and 1 or 0)
  end
  ngx.say(passed)
end

function commands.left(args)
  ngx.say(100 - counters:get(args.key))
end

function commands.uncommit(args)
  ngx.say(limit:uncommit(args.key))
end

function app.serve()
  commands[ngx.var.uri:sub(2)](ngx.req.get_uri_args())
end

return app
