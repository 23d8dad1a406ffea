--- Counters that all nodes share, for rate limits, with the methods of
-- [resty.limit.count](https://github.com/openresty/lua-resty-limit-traffic).
--
--    init_worker_by_lua_block {
--      counters = assert(require("resty.corosync.counters").new("limits", { store = "limits", window = 60 }))
--      limit = counters:limit(1000) -- requests of all nodes in 60 s
--    }
--
--    access_by_lua_block {
--      local delay, err = limit:incoming(ngx.var.remote_addr, true)
--      if not delay then return ngx.exit(err == "rejected" and 429 or 500) end
--    }
--
-- Each node counts the requests of all its workers, exactly, in a `lua_shared_dict`, and sends the sums that have
-- changed to the other nodes every `interval` seconds. No request waits for a message.
--
-- **Error.** What a node knows of the others' counts is up to `interval` plus a message's delay old. So with n nodes
-- that each get at most r requests for a key per second, up to (n - 1) r (`interval` + a message's delay) requests more
-- than the limit pass in a window, and never fewer than the limit. While the network is cut, each side counts only
-- its own requests. Windows begin at multiples of `window` by each node's clock, so the
-- clocks should agree: one that differs by s seconds counts for that time in another window. A node that starts has the
-- counts of the others after `interval`.
-- @module resty.corosync.counters

local KEY = require "corosync.private"
local codec = require "corosync.replica.codec"
local corosync_resty = require "corosync.resty"
local errors = require "corosync.errors"
local shared_dict = require "resty.corosync.shared_dict"

local INTERVAL = 0.1 -- seconds
local PART = 500 -- counts in a message

local OPTIONS = { store = "string", window = "number", interval = "number" }

--- @type Counters
local Counters = {}
Counters.__index = Counters

local function window_of(state)
  return math.floor(ngx.now() / state.window)
end

-- The dictionary's key of the count of one node's nginx. A restarted nginx counts from 0.
local function slot(source, window, key)
  return ("%s %d %s"):format(source, window, key)
end

-- An nginx that was restarted counts under another name, so the names of earlier ones must go.
local function forget_sources(state, window)
  for source, last in pairs(state.sources) do
    state.sources[source] = last >= window and last or nil
  end
end

-- What this worker has counted in the current window: `keys`, of which it has yet to send those in `due`.
local function current(state)
  local window = window_of(state)
  if state.counted.window ~= window then
    state.counted = { window = window, due = {}, keys = {} }
    forget_sources(state, window)
  end
  return state.counted
end

local function read(state, source, window, key)
  return state.store:get(slot(source, window, key)) or 0
end

-- A count has two parts that only grow, so that an older message does no harm.
local function sum(state, window, key)
  local total = 0
  for source in pairs(state.sources) do
    total = total + read(state, source, window, "+" .. key) - read(state, source, window, "-" .. key)
  end
  return total
end

local function receive(state, message)
  local source, window, counts = unpack(codec.decode(message))
  state.sources[source] = math.max(state.sources[source] or window, window)
  if source ~= state.source then
    for key, count in pairs(counts) do
      local own = slot(source, window, key)
      if count > (state.store:get(own) or -1) then
        state.store:set(own, count, 2 * state.window)
      end
    end
  end
end

local function send(state, counted, keys)
  local counts = {}
  for _, key in ipairs(keys) do
    counts[key], counted.due[key] = read(state, state.source, counted.window, key), nil
  end
  local ok, message = state.group:send_message(codec.encode { state.source, counted.window, counts })
  if not ok then -- try again next time
    for _, key in ipairs(keys) do
      counted.due[key] = true
    end
  end
  return ok, message
end

local function send_due(state)
  if state.is_sending then -- an earlier call still waits
    return
  end
  state.is_sending = true
  local counted, ok = current(state), true
  while ok and next(counted.due) do
    local keys = {}
    for key in pairs(counted.due) do
      keys[#keys + 1] = key
      if #keys == PART then
        break
      end
    end
    ok = send(state, counted, keys)
  end
  state.is_sending = false
end

-- Members that have just joined know no counts, and messages may have been lost.
local function send_all(state)
  local counted = current(state)
  for key in pairs(counted.keys) do
    counted.due[key] = true
  end
end

-- ---- public methods ----

--- Adds to a count of the current window.
-- @tparam string key
-- @tparam[opt=1] integer by may be negative
-- @treturn integer the sum of all nodes, as far as this one knows
-- @error nil, message: the dictionary has no memory left
function Counters:increment(key, by)
  local state = self[KEY]
  by = by or 1
  local counted, part = current(state), (by < 0 and "-" or "+") .. key
  local ok, message = state.store:incr(slot(state.source, counted.window, part), math.abs(by), 0, 2 * state.window)
  if not ok then
    return nil, message
  end
  counted.due[part], counted.keys[part] = true, true
  return sum(state, counted.window, key)
end

--- Returns a count of the current window.
-- @tparam string key
-- @treturn integer the sum of all nodes, as far as this one knows
function Counters:get(key)
  local state = self[KEY]
  return sum(state, window_of(state), key)
end

local Limit = {}
Limit.__index = Limit

--- Returns an object with the methods of resty.limit.count: `incoming(key, commit)` returns 0 and how many requests
-- are left in the window; or nil, "rejected"; or nil, message. `uncommit(key)` takes a request back, and returns
-- the number that are left.
-- @tparam number limit the most requests of all nodes in a window, greater than 0
-- @treturn table
-- @raise for a wrong argument
function Counters:limit(limit)
  if type(limit) ~= "number" or limit <= 0 then
    errors.raise("bad argument #1 'limit' to 'limit' (number above 0 expected, got %s)", tostring(limit))
  end
  return setmetatable({ counters = self, limit = limit }, Limit)
end

function Limit:incoming(key, commit)
  local total, message
  if commit then
    total, message = self.counters:increment(key)
  else
    total = self.counters:get(key) + 1
  end
  if not total then
    return nil, message
  elseif total > self.limit then
    return nil, "rejected"
  end
  return 0, self.limit - total
end

function Limit:uncommit(key)
  local total, message = self.counters:increment(key, -1)
  if not total then
    return nil, message
  end
  return self.limit - total
end

--- The functions of the module.
-- @section functions

-- The name of this nginx, the same for all its workers.
local function source_of(store)
  local file = assert(io.open "/dev/urandom")
  store:add("source", ngx.encode_base64(file:read(12)))
  file:close()
  return store:get "source"
end

--- Makes this worker count: call it in `init_worker_by_lua`.
-- @tparam string name of the group: 1 to 128 bytes
-- @tparam table options
-- @tparam string options.store the name of a `lua_shared_dict` that these counters alone use
-- @tparam number options.window seconds in which requests are counted together
-- @tparam[opt=0.1] number options.interval seconds between two messages
-- @treturn Counters
-- @error nil, message, code, as @{corosync.resty}'s `group`; "no_resources" when nginx has no timer left
-- @raise for wrong arguments
-- @function new
local function new(name, options)
  errors.check_fields(options, OPTIONS, 2, "options", "new", { "store", "window" })
  local store = shared_dict.of(options, "store")
  local state = { store = store, window = options.window, source = source_of(store), sources = {}, counted = {} }
  state.sources[state.source] = math.huge
  local message, code
  state.group, message, code = corosync_resty.group(name, {
    message_received = function(_, text) receive(state, text) end,
    config_change = function() send_all(state) end,
  }, { per = "worker" })
  if not state.group then
    return nil, message, code
  end
  local ok
  ok, message = ngx.timer.every(options.interval or INTERVAL, function() send_due(state) end)
  if not ok then
    state.group:deactivate()
    return errors.failure("start the timer of", state.group, message, "no_resources")
  end
  return setmetatable({ [KEY] = state }, Counters)
end

return { new = new }
