--- A cache on each node for values of one origin (a database, a service), which is emptied when it may be stale.
--
--    init_worker_by_lua_block {
--      prices = assert(require("resty.corosync.cache").new("prices", { store = "prices", longest = 5, ttl = 60 }))
--    }
--
--    local price, how = prices:get("tea", read_from_database)
--    local ok, message = prices:change("tea", write_to_database)
--
-- The workers of a node share a `lua_shared_dict`, which nothing else may use. A key is announced before its value
-- changes at the origin, and again afterwards. In between, all workers of all nodes read it from the origin and do not
-- store it. If the writer ends in between, this lasts until `longest` + 2 seconds after the first announcement.
--
-- A worker stores nothing for `longest` + 2 seconds after it has joined, and after nodes have come or gone, because it
-- may not know of all changes that are under way. Without quorum it neither uses the cache nor changes values.
--
-- A writer that was paused or cut off may change the origin later than that. Only the origin can prevent this, with a
-- token that it checks, such as that of a @{corosync.replica.lock}.
-- @module resty.corosync.cache

local KEY = require "corosync.private"
local errors = require "corosync.errors"
local members = require "resty.corosync.members"
local now = require("corosync.binding").now
local shared_dict = require "resty.corosync.shared_dict"

-- Seconds: a writer gives up if its announcement has not come back after this time. So a change ends at most `longest`
-- plus this time after any worker has received the announcement.
local ANNOUNCING = 2

local BEGINS, ENDS = "+", "-" -- the first byte of an announcement

local OPTIONS = { store = "string", longest = "number", ttl = "number", settle = "number" }

--- @type Cache
local Cache = {}
Cache.__index = Cache

-- Fetches of the key that are under way may return an older value.
local function forget(state, key)
  if state.fetches[key] then
    state.fetches[key].is_old = true
    state.fetches[key] = nil
  end
  state.store:delete(key)
end

local function forget_all(state)
  for _, fetch in pairs(state.fetches) do
    fetch.is_old = true
  end
  state.fetches = setmetatable({}, { __mode = "v" })
  state.store:flush_all()
end

-- Changes may be under way that this worker does not know of.
local function start_anew(state)
  forget_all(state)
  state.changing = {}
  state.store_from = now() + state.hold
end

-- ---- which keys are changing ----

-- Changes whose writer has failed or ended are never announced as over. They would pile up.
local function forget_ended(state)
  local time = now()
  if time < state.looked_at + 1 then
    return
  end
  state.looked_at = time
  for key, changes in pairs(state.changing) do
    for id, ends_at in pairs(changes) do
      changes[id] = ends_at > time and ends_at or nil
    end
    state.changing[key] = next(changes) and changes
  end
end

local function is_changing(state, key)
  for _, ends_at in pairs(state.changing[key] or {}) do
    if ends_at > now() then
      return true
    end
  end
  return false
end

local function on_announcement(state, kind, id, key)
  forget_ended(state)
  forget(state, key)
  local changes = state.changing[key] or {}
  changes[id] = kind == BEGINS and now() + state.hold or nil
  state.changing[key] = next(changes) and changes
end

-- ---- public methods ----

--- Whether this worker uses the cache.
-- @treturn boolean
-- @treturn string|nil why not
function Cache:is_in_use()
  local why = self[KEY].members:problem()
  return why == nil, why
end

local function may_store(self, key, fetch)
  local state = self[KEY]
  return self:is_in_use() and now() >= state.store_from and not is_changing(state, key) and not fetch.is_old
end

--- Returns a value from the cache, or from the origin.
-- @tparam string key
-- @tparam fun(key:string,...):any fetch reads the value from the origin: a string, number or boolean; or returns nil,
-- message, code, which this returns, too. It may wait.
-- @param ... passed on to `fetch`
-- @treturn string|number|boolean
-- @treturn string "hit" or "miss"
-- @error nil, message, code of `fetch`
function Cache:get(key, fetch, ...)
  local state = self[KEY]
  local value
  if self:is_in_use() then
    value = state.store:get(key)
  end
  if value ~= nil then
    return value, "hit"
  end
  local own = state.fetches[key] or {}
  state.fetches[key] = own
  local may_be_stored = may_store(self, key, own)
  local message, code
  value, message, code = fetch(key, ...)
  if value == nil then
    return nil, message, code
  end
  if may_be_stored and may_store(self, key, own) then
    local ok, problem = state.store:set(key, value, state.ttl)
    if not ok then
      state.members:log(ngx.WARN, "cannot store key %s: %s", errors.quote(key), problem)
    end
  end
  return value, "miss"
end

local function announce(state, kind, id, key)
  return state.members.group:send_message { kind, id, " ", key }
end

local function wait_until_in_use(self)
  local group = self[KEY].members.group
  local ok, message, code = group:wait_for(function() return self:is_in_use() end, nil, "use the cache of")
  local _, why = self:is_in_use()
  return ok, why and ("%s: %s"):format(message, why) or message, code
end

-- Waits until this worker has received its own announcement. A member that does not receive it sees a new ring, and
-- stores nothing. Returns true, or nil, message, code.
local function begin(self, id, key)
  local state = self[KEY]
  local ok, message, code = announce(state, BEGINS, id, key)
  if ok then
    ok, message, code = state.members.group:wait_for(function()
      return state.changing[key] and state.changing[key][id]
    end, ANNOUNCING, "announce a change (nothing was changed) in")
  end
  local is_in_use, why = self:is_in_use()
  if ok and not is_in_use then
    return errors.failure("change a value of", state.members.group, why, "not_ready")
  end
  return ok, message, code
end

-- If the second announcement is missing, the caches store the key again when the change is surely over.
local function finish(state, id, key, result, ...)
  if result then -- else the origin may still make the change
    local ok, message = announce(state, ENDS, id, key)
    if not ok then
      ngx.log(ngx.WARN, message)
    end
  end
  return result, ...
end

--- Changes a value at the origin. When this returns, no worker uses the old value, except on nodes that are cut off or
-- paused and have not noticed it, or that have yet to handle the announcement. Waits at most 10 s until this worker
-- may change values.
-- @tparam string key
-- @tparam fun(key:string,...):any change changes the value at the origin within `longest` seconds. It returns something
-- true; or nil, message, code if it failed or may have failed. It may wait, and must not call `ngx.exit`.
-- @param ... passed on to `change`
-- @return what `change` returns
-- @error nil, message, code of `change`; or "timeout", "not_ready", or a code of a group's `send_message`: then nothing
-- was changed, because this worker has no quorum or is not a member
function Cache:change(key, change, ...)
  local state = self[KEY]
  local ok, message, code = wait_until_in_use(self)
  if not ok then
    return nil, message, code
  end
  state.last = state.last + 1
  local id = ("%s#%d"):format(tostring(state.members.group:address()), state.last)
  ok, message, code = begin(self, id, key)
  if not ok then
    return nil, message, code
  end
  return finish(state, id, key, change(key, ...))
end

--- The functions of the module.
-- @section functions

--- Makes this worker a member of the cache: call it in `init_worker_by_lua`, once for each cache.
-- @tparam string name of the group: 1 to 128 bytes
-- @tparam table options
-- @tparam string options.store the name of a `lua_shared_dict` that this cache alone uses
-- @tparam number options.longest the most seconds from the start of a change until the origin has made it, even if the
-- worker ends meanwhile
-- @tparam[opt] number options.ttl seconds after which a value is read from the origin again; default: never
-- @tparam[opt=0] number options.settle seconds for which this worker bypasses the cache after a change of members, see
-- @{corosync.group}
-- @treturn Cache
-- @error nil, message, code, as @{corosync.resty}'s `group`
-- @raise for wrong arguments
-- @function new
local function new(name, options)
  errors.check_fields(options, OPTIONS, 2, "options", "new", { "store", "longest" })
  local state = {
    store = shared_dict.of(options, "store"),
    hold = options.longest + ANNOUNCING,
    ttl = options.ttl,
    changing = {}, -- by key and announcement: when the change is surely over
    fetches = {}, -- under way, by key
    store_from = math.huge,
    looked_at = 0,
    last = 0,
  }
  local message, code
  state.members, message, code = members.new(name, {
    message = function(_, text) on_announcement(state, text:match "^(.)(%S+) (.*)$") end,
    missed = function() start_anew(state) end,
    -- The worker may have stored an old value without receiving the announcement of its change.
    left_here = function() forget_all(state) end,
  }, options.settle)
  if not state.members then
    return nil, message, code
  end
  return setmetatable({ [KEY] = state }, Cache)
end

return { new = new }
