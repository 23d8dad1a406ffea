--- Groups in OpenResty, or nginx with its Lua module and lua-resty-core. A node is a member of a group once, for all
-- its workers, and each worker's handlers are called for all events, in one order.
--
-- Handlers run one after another in a light thread, so they may use cosockets, `ngx.sleep`, shared dictionaries and
-- everything else that is allowed in timers:
--
--    init_worker_by_lua_block {
--      local corosync_resty = require "corosync.resty"
--      news = assert(corosync_resty.group("news", {
--        message_received = function(address, message) ngx.shared.news:set(tostring(address), message) end,
--      }))
--    }
--
-- and from any request `news:send_message "hello"`. The workers share what the group has received in shared memory,
-- which nginx.conf must have: `lua_shared_dict corosync 10m;`. See [In OpenResty](../topics/openresty.md.html). With
-- the option `per = "worker"` each worker is a member of its own, and needs no shared memory.
--
-- A group has the methods of @{corosync.group}, with these differences.
--
-- A worker waits for Corosync only in short calls on this machine: opening a connection takes 15 ms, and leaving waits
-- while Corosync is paused or its membership changes. There is no polling: one helper thread per worker waits for the
-- connections of its groups and wakes their light threads. While a handler runs, later events wait in shared memory. A
-- worker that is too slow for them is disconnected, and others are not: long work belongs in a timer or a light thread
-- of its own.
--
-- A group connects, and reconnects after Corosync has gone, by itself: `disconnected(reason)` is called once, when the
-- connection is lost, and `config_change`, with this member in `joined`, when the group has joined (again). Messages
-- sent in between are missed. A new worker, after a reload or a crash, begins in the same way.
--
-- A worker that exits gracefully (`nginx -s quit`, `nginx -s reload`) leaves its groups at once. For a fast exit
-- (`nginx -s stop`) call `corosync_resty.leave()` in `exit_worker_by_lua_block`, else the others see "procdown".
--
-- Handlers must not call `ngx.exit`: it ends the light thread that calls them. This is reported, and another light
-- thread continues with the next event within 2 s; a replica is closed. Each group occupies one of nginx's running
-- timers (`lua_max_running_timers`).
-- @module corosync.resty
-- @extends corosync.group.Group

if not ngx then
  error("corosync.resty works only in OpenResty, or in nginx with its Lua module", 0)
end

local KEY = require "corosync.private"
local connection = require "corosync.group.connection"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local Group = require "corosync.resty.group"
local hooks = require "corosync.resty.hooks"
local node = require "corosync.resty.node"
local object = require "corosync.group.object"
local reconnect = require "corosync.reconnect"
local waiting = require "corosync.resty.waiting"

local LAST_TRIES = 5 -- seconds that `leave` tries to leave each group
local PAUSE = 0.01 -- seconds

local failure, now = errors.failure, core.now

local resty = {}
local records = {} -- of this worker's groups, by name

local OPTIONS = { directory = "string", per = "string", poll = "number" }
local PER = { node = true, worker = true }

-- nginx counts whole milliseconds.
local function is_pause(seconds)
  return seconds >= 0.001 and seconds <= waiting.DAY
end

local function check_options(options)
  errors.check_fields(options, OPTIONS, 3, "options", "group")
  if options.poll and not is_pause(options.poll) then
    errors.raise("bad argument #3 'options' to 'group' (field 'poll': 0.001 to %d seconds expected, got %g)",
      waiting.DAY, options.poll)
  elseif options.per and not PER[options.per] then
    errors.raise("bad argument #3 'options' to 'group' (field 'per': 'node' or 'worker' expected, got '%s')",
      options.per)
  end
end

-- Where groups can be made, and why not elsewhere: each request would make another one. With lua_code_cache off that
-- holds for modules, too, because each request has a Lua state of its own, in which `require` loads everything anew.
local MADE_IN = { init_worker = true, timer = true }
local ONLY_ONCE = "in the phase '%s' each request would make it again: make it once, in init_worker_by_lua, and set "
  .. "lua_code_cache on"
local TOO_EARLY = "init_by_lua runs in the master process, but the members are its workers: make it in "
  .. "init_worker_by_lua"

local function check_phase(group)
  local phase = ngx.get_phase()
  if MADE_IN[phase] then
    return true
  end
  return failure("join", group, phase == "init" and TOO_EARLY or ONLY_ONCE:format(phase), "wrong_phase")
end

local function new(name, handlers_or_class, options, own_hooks)
  local all = {}
  for _, some in ipairs { hooks, own_hooks } do
    for field, f in pairs(some) do
      all[field] = f
    end
  end
  local group = object.new(Group, name, handlers_or_class, all, waiting.loop)
  local record = group[KEY]
  record.backoff = reconnect.new(ngx.worker.pid())
  waiting.prepare(record, options.directory or "/tmp", options.poll)
  return group
end

-- A group whose workers read what their node's members have received.
local function new_of_node(name, handlers_or_class, options)
  local group
  group = new(name, handlers_or_class, options, {
    open = function() return group[KEY].node:open() end,
    open_quorum = function(own) return group[KEY].node:open_quorum(own) end,
    packs = function() return false end,
    may_leave = function() return group[KEY].node:stop() end,
  })
  return group
end

-- Returns true, or nil, message, code.
local function attach_node(group, handlers_or_class, options)
  local of_node, message, code = node.new({
    group = group,
    directory = options.directory or "/tmp",
    backoff = group[KEY].backoff,
    new_group = function(name, own, own_hooks) return new(name, own, options, own_hooks) end,
  }, handlers_or_class)
  group[KEY].node = of_node
  return of_node and true, message, code
end

--- Makes this node a member of a group, for all workers that call it: in `init_worker_by_lua`. The group joins in the
-- background.
-- @tparam string name 1 to 128 bytes, any bytes
-- @tparam corosync.group.new.handlers_or_class|table handlers_or_class as for @{corosync.group}
-- @tparam[opt] table options
-- @tparam[opt="node"] string options.per "node", or "worker": each worker is a member
-- @tparam[opt="/tmp"] string options.directory where the socket to the helper thread is made for a moment
-- @tparam[opt] number options.poll seconds between polls for events, instead of using a helper thread; 0.01 where there
-- are no threads
-- @treturn Group
-- @error nil, message, code: "wrong_phase" in `init_by_lua`, whose master process has no workers yet, and in requests,
-- each of which would make a group; "exist" when this worker has a group of that name; "no_resources"; "closed" when
-- the worker exits; "no_dict" when nginx.conf lacks the shared memory, "no_memory" when that is full. Raises for wrong
-- arguments.
function resty.group(name, handlers_or_class, options)
  options = options or {}
  check_options(options)
  local is_per_worker = options.per == "worker"
  local group = (is_per_worker and new or new_of_node)(name, handlers_or_class, options)
  if records[name] then
    return failure("join", group, "this worker has a group of that name already", "exist")
  end
  local ok, message, code = check_phase(group)
  if ok and not is_per_worker then
    ok, message, code = attach_node(group, handlers_or_class, options)
  end
  if not ok then
    return nil, message, code
  end
  ok, message, code = hooks.activate(group[KEY])
  if not ok then
    return nil, message, code
  end
  records[name] = group[KEY]
  return group
end

--- Makes this worker a member of a replica (see @{corosync.replica}): call it in `init_worker_by_lua`. Each worker is a
-- member with a copy of the state; all workers of a node count as one.
--
--    init_worker_by_lua_block {
--      local app = assert(require("corosync.resty").replica "shop")
--      stock = app:machine("stock", { apply = function(state, item) state[item] = (state[item] or 0) + 1 end })
--    }
--
-- and in any request `stock:submit "tea"`, whose light thread waits for the result. In a phase that cannot wait (such
-- as `log_by_lua`) it fails with "wrong_phase" unless it gets a callback. `apply`, `changed`, watchers and callbacks
-- are called in the light thread of the replica, one after another. One that waits blocks the others, and inside them
-- `submit` without a callback fails with "dispatching". A worker that exits leaves the replica;
-- at a reload, when a new worker of its node has the state.
-- @tparam string name 1 to 120 bytes
-- @tparam[opt] table options as for @{corosync.replica}, without `loop` and `storage`; and as for `group`
-- @treturn corosync.replica.Replica
-- @error nil, message, code, as `group`. Raises for wrong arguments.
function resty.replica(name, options)
  return require("corosync.resty.replica")(name, options, resty.group)
end

-- Light threads cannot wait in this phase, so this waits in Corosync's functions.
local function leave_now(record)
  local deadline, handle = now() + LAST_TRIES, record.handle
  local ok, message, code = handle:leave(LAST_TRIES)
  while code == "try_again" and now() < deadline do
    handle:fetch(PAUSE)
    ok, message, code = handle:leave(LAST_TRIES)
  end
  if not ok then
    ngx.log(ngx.ERR, ("corosync: group %s: others will see \"procdown\": %s"):format(errors.quote(record.object.name),
      message))
  end
end

local function end_now(record)
  record.wanted = false
  if record.state == "joined" then
    leave_now(record)
  end
  connection.close(record)
end

--- Leaves all groups of this worker, at once and for good: for `exit_worker_by_lua_block`. It may take up to 5 s
-- for each group whose Corosync cannot take the request, and 7 s more if Corosync is paused.
function resty.leave()
  for _, record in pairs(records) do
    end_now(record)
    if record.node then
      record.node:leave(end_now)
    end
  end
end

return resty
