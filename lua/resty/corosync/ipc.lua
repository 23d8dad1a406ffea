--- An `ipc` for [lua-resty-mlcache](https://github.com/thibaultcha/lua-resty-mlcache) that reaches all nodes.
--
--    init_worker_by_lua_block {
--      local ipc = assert(require("resty.corosync.ipc").new("mlcache", { shm = "cache_dict" }))
--      cache = assert(require("resty.mlcache").new("users", "cache_dict", { ipc = ipc, ttl = 60 }))
--    }
--
-- After a `set`, `delete` or `purge`, the other workers of this node drop the value from their first level, and other
-- nodes also from the second level, the dictionary. Both levels are emptied when messages may have been missed: when
-- nodes come or go, when this worker joins or loses Corosync, and when a worker of this node ends.
--
-- Without quorum, `set`, `delete` and `purge` change this node only, and fail. `get` does not consult the ipc, so call
-- `ipc.is_in_use()` before it if a node that is cut off must not use its values. mlcache may store an old value that
-- was changed while it was fetched; @{resty.corosync.cache} does not.
-- @module resty.corosync.ipc

local errors = require "corosync.errors"
local members = require "resty.corosync.members"
local shared_dict = require "resty.corosync.shared_dict"

local OPTIONS = { shm = "string", shm_miss = "string" }
local INVALIDATES = "^mlcache:invalidations:(.*)$" -- a channel, and the name of its cache

local function each_shm(options, f)
  for _, field in ipairs { "shm", "shm_miss" } do
    if options[field] then
      f(ngx.shared[options[field]])
    end
  end
end

local function drop_from_shm(options, channel, key)
  local cache = channel:match(INVALIDATES)
  each_shm(options, function(shm)
    if cache then
      shm:delete(cache .. key)
    else
      shm:flush_all()
    end
  end)
end

-- Caches of the same name share their channels, but each may have a table of its own.
local function call(handlers, channel, data)
  for _, handler in ipairs(handlers[channel] or {}) do
    handler(data)
  end
end

-- Both levels: the dictionaries, and each cache's own table.
local function empty(options, handlers)
  each_shm(options, function(shm) shm:flush_all() end)
  for channel in pairs(handlers) do
    if not channel:find(INVALIDATES) then
      call(handlers, channel, "")
    end
  end
end

local function check(options)
  errors.check_fields(options, OPTIONS, 2, "options", "new", { "shm" })
  for field in pairs(options) do
    shared_dict.of(options, field)
  end
end

local function register(handlers, events)
  for _, event in pairs(events) do
    handlers[event.channel] = handlers[event.channel] or {}
    table.insert(handlers[event.channel], event.handler)
  end
  return true
end

local function broadcast(watched, channel, data)
  local why = watched:problem()
  if why then
    return errors.failure("send to", watched.group, why, "not_ready")
  end
  return watched.group:send_message { ("%d "):format(#channel), channel, data }
end

-- Handles what a worker with this address has broadcast. `own`: this worker's address.
local function receive(options, handlers, own, address, message)
  local length, rest = message:match "^(%d+) (.*)$"
  local channel, data = rest:sub(1, tonumber(length)), rest:sub(tonumber(length) + 1)
  if address.node ~= own.node then
    drop_from_shm(options, channel, data)
  end
  if address ~= own then
    call(handlers, channel, data)
  end
end

--- Makes this worker a member: call it in `init_worker_by_lua`, once for each dictionary. Several caches that use this
-- dictionary can share it.
-- @tparam string name of the group: 1 to 128 bytes
-- @tparam table options
-- @tparam string options.shm the dictionary of the caches; nothing else may use it
-- @tparam[opt] string options.shm_miss their dictionary for misses
-- @treturn table the functions `register_listeners`, `broadcast` and `poll` for mlcache, and `is_in_use()`, which
-- returns true, or false and why not
-- @error nil, message, code, as @{corosync.resty}'s `group`
-- @raise for wrong arguments
-- @function new
local function new(name, options)
  check(options)
  local handlers, watched = {}, nil -- lists by channel

  local function forget() empty(options, handlers) end
  local problem, code
  watched, problem, code = members.new(name, {
    message = function(address, message) receive(options, handlers, watched.group:address(), address, message) end,
    missed = forget,
    left_here = forget,
  })
  if not watched then
    return nil, problem, code
  end
  return {
    register_listeners = function(events) return register(handlers, events) end,
    broadcast = function(channel, data) return broadcast(watched, channel, data) end,
    poll = function() return true end, -- messages come without it
    is_in_use = function()
      local why = watched:problem()
      return why == nil, why
    end,
  }
end

return { new = new }
