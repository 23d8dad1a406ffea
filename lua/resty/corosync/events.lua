--- Events for all workers of all nodes, with the methods of
-- [lua-resty-events](https://github.com/Kong/lua-resty-events).
--
--    init_worker_by_lua_block {
--      ev = require("resty.corosync.events").new { name = "events" }
--      ev:subscribe("config", "*", function(data, event, source, address) reload(data) end)
--      assert(ev:init_worker())
--    }
--
--    ev:publish("all", "config", "changed", { version = 7 })
--
-- There is no broker: no `listening` socket, and no `run`. Callbacks run one after another, for "all" in the same order
-- in all workers. Events are lost while Corosync is down, and may be lost when nodes come or go.
-- @module resty.corosync.events

local KEY = require "corosync.private"
local codec = require "corosync.replica.codec"
local corosync_resty = require "corosync.resty"
local errors = require "corosync.errors"
local list = require "corosync.list"
local now = require("corosync.binding").now
local traceback = require "corosync.traceback"

local OPTIONS = { name = "string", unique_timeout = "number" }
local UNIQUE_TIMEOUT = 5 -- seconds
local ARGUMENTS = { "target", "source", "event" } -- of publish

--- @type Events
local Events = {}
Events.__index = Events

-- Calls the matching callbacks, in the order of their subscriptions. They may subscribe and unsubscribe.
local function run(state, event)
  for _, each in ipairs(list.copy(state.subscriptions)) do
    if (each.source == "*" or each.source == event.source)
      and (each.event == "*" or each.event == event.event) then
      local ok, problem = xpcall(each.callback, traceback, event.data, event.event, event.source, event.address)
      if not ok then
        ngx.log(ngx.ERR, ("corosync: the callback for event %s of source %s failed: %s"):format(event.event,
          event.source, problem))
      end
    end
  end
end

-- Whether the hash was not seen within `unique_timeout`.
local function is_first(state, hash)
  local time = now()
  if time >= state.swept_at + state.unique_timeout then
    state.swept_at = time
    for each, ends_at in pairs(state.seen) do
      state.seen[each] = ends_at > time and ends_at or nil
    end
  end
  if (state.seen[hash] or 0) > time then
    return false
  end
  state.seen[hash] = time + state.unique_timeout
  return true
end

local function receive(state, address, message)
  local hash, source, event, data = unpack(codec.decode(message), 1, 4)
  local is_mine = hash == "" or is_first(state, hash) and address == state.group:address()
  if is_mine then
    run(state, { source = source, event = event, data = data, address = address })
  end
end

--- Makes this worker a member: call it in `init_worker_by_lua`.
-- @treturn boolean true
-- @error nil, message, code, as @{corosync.resty}'s `group`
function Events:init_worker()
  local state = self[KEY]
  local group, message, code = corosync_resty.group(state.name, {
    message_received = function(address, text) receive(state, address, text) end,
    config_change = function() state.is_ready = true end,
    disconnected = function() state.is_ready = false end,
  }, { per = "worker" })
  state.group = group
  return group and true, message, code
end

--- Publishes an event.
-- @tparam string target "all": all workers of all nodes, this one included; "current": this worker only; any other
-- string is a hash: of the workers that publish an event with this hash within `unique_timeout`, the first one calls
-- its callbacks, and the others call none. If that worker ends before, none are called.
-- @tparam string source
-- @tparam string event
-- @tparam[opt] string|number|boolean|table data for "current" anything; else what MessagePack can encode, at most 1 MB
-- @treturn boolean true
-- @error nil, message, code, as @{corosync.resty}'s `send_message`; "no_resources" for "current" when nginx has no
-- timer left
-- @raise for wrong arguments, and before `init_worker`
function Events:publish(target, source, event, data)
  local state = self[KEY]
  for i, given in ipairs { target or false, source or false, event or false } do
    if type(given) ~= "string" then
      errors.raise("bad argument #%d '%s' to 'publish' (string expected, got %s)", i, ARGUMENTS[i], type(given or nil))
    end
  end
  if not state.group then
    errors.raise "publish: call init_worker first, in init_worker_by_lua"
  elseif target ~= "current" then
    return state.group:send_message(codec.encode { target == "all" and "" or target, source, event, data })
  end
  local ok, message = ngx.timer.at(0, function() run(state, { source = source, event = event, data = data }) end)
  if not ok then
    return errors.failure("start a timer for an event of", state.group, message, "no_resources")
  end
  return true
end

--- Registers a callback.
-- @tparam string source or "*" for all
-- @tparam string event or "*" for all
-- @tparam fun(data:any,event:string,source:string,address:corosync.cpg.address|nil) callback `address` is that of the
-- worker that published; nil for "current"
-- @treturn integer an id for `unsubscribe`
-- @raise for wrong arguments
function Events:subscribe(source, event, callback)
  local state = self[KEY]
  if type(callback) ~= "function" then
    errors.raise("bad argument #3 'callback' to 'subscribe' (function expected, got %s)", type(callback))
  end
  state.last = state.last + 1
  table.insert(state.subscriptions, { id = state.last, source = source, event = event, callback = callback })
  return state.last
end

--- Removes a callback.
-- @tparam integer id
function Events:unsubscribe(id)
  local subscriptions = self[KEY].subscriptions
  for i, each in ipairs(subscriptions) do
    if each.id == id then
      table.remove(subscriptions, i)
      return
    end
  end
end

--- Whether this worker is a member, so that it receives events.
-- @treturn boolean
function Events:is_ready()
  local state = self[KEY]
  return state.is_ready and state.group:is_active()
end

--- The functions of the module.
-- @section functions

--- Makes an object for events; it is not a member yet.
-- @tparam table options
-- @tparam string options.name of the group: 1 to 128 bytes
-- @tparam[opt=5] number options.unique_timeout seconds for which a worker ignores further events with the same hash
-- @treturn Events
-- @raise for wrong arguments
-- @function new
local function new(options)
  errors.check_fields(options, OPTIONS, 1, "options", "new", { "name" })
  local state = { name = options.name, unique_timeout = options.unique_timeout or UNIQUE_TIMEOUT, subscriptions = {},
    last = 0, seen = {}, swept_at = 0, is_ready = false }
  return setmetatable({ [KEY] = state }, Events)
end

return { new = new }
