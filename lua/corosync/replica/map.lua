--- A map that is equal on all members of a replica, made by a replica's `map`.
--
--    local prices = app:map "prices"
--    assert(prices:set("tea", 3))
--    prices:watch("te", function(key, new, old) print(key, new, old) end)
--
-- Keys are strings of 1 to 1024 bytes. Values are strings, numbers, booleans, and tables of these; at most 1 MiB
-- encoded.
--
-- **Changing a map.** All members apply the changes in one order. Without a callback a method waits: a coroutine
-- yields, other code handles events until then. With a callback as the last argument it returns true at once, and the
-- callback is called later with the result or the failure.
--
-- **Options of a change.**
--
-- - `ttl`: seconds after which the value is deleted. The first of the full members submits the deletion, so it has one
--   place in the order. It comes up to half a second late, and later while members change or nothing can be confirmed.
--   Each member counts from when it applied the change. If it got the state from another member or from its storage, it
--   relies on the clocks of the nodes to agree
-- - `holding`: the result of a lock's `acquire`. The change is refused with "not\_holding" unless the lock is held with
--   that token at this point in the order
-- @classmod corosync.replica.map

--- The map's name.
-- @tfield string name

local arguments = require "corosync.replica.map.arguments"
local errors = require "corosync.errors"
local part = require "corosync.replica.map.part"
local parts = require "corosync.replica.parts"
local plain = require "corosync.replica.machines.plain"
local recording = require "corosync.replica.recording"
local script_calls = require "corosync.script_calls"
local state = require "corosync.replica.map.state"

local map = {}

local MEMBER = {} -- the key of an object's member

local Map = {}
Map.__index = Map

local CHANGE, DELETE, GET = { ttl = true, holding = true }, { holding = true }, { confirmed = true }

local REFUSALS = {
  not_equal = "the value is not the expected one",
  not_a_number = "the value is not a number",
  not_holding = "the lock is no longer held with this token",
  out_of_range = "the value and the sum must be between -2^53 and 2^53",
}

-- Returns a command's options, made from those of a method; nil for none.
local function command_options(options)
  if not next(options) then
    return nil
  end
  local made = { ttl = options.ttl, deadline = options.ttl and os.time() + 1 + options.ttl }
  if options.holding then
    made.lock, made.token = options.holding.name, options.holding.token
  end
  return made
end

-- Returns a function that makes an action's text for error messages, because only failures need it.
local function action(self, operation, key)
  return function()
    return ("%s key %s of map %s of"):format(operation, errors.quote(key), errors.quote(self.name))
  end
end

local function submit(self, operation, key, value, options, callback)
  local member = self[MEMBER]
  local what = action(self, operation, key)
  local function outcome(result, ...)
    local code = state.refusal(result)
    if code then
      return member.callers:failure(what, code, REFUSALS[code])
    end
    return result, ...
  end
  local command = { "map", operation, self.name, key, value, options }
  if callback then
    return parts.submit(member, what, command, function(...) script_calls.limited(callback, outcome(...)) end)
  end
  return outcome(parts.submit(member, what, command))
end

local function values(self)
  local found = parts.states(self[MEMBER]).map[self.name]
  return found and found.values or {}
end

--- Sets the value of a key. Without the option `ttl` it stays until it is changed.
-- @tparam string key
-- @tparam string|number|boolean|table value
-- @tparam[opt] {ttl:number|nil,holding:table|nil} options
-- @tparam[opt] fun(result:boolean|nil,message:string|nil,code:string|nil) callback
-- @treturn boolean true
-- @error nil, message, code, as a machine's `submit`: "not_ready", "uncertain" and so on; and "not_holding"
-- @raise for wrong arguments
function Map:set(key, value, options, callback)
  arguments.key(key, "set")
  arguments.value(value, 2, "value", "set")
  options, callback = arguments.options(3, "set", CHANGE, options, callback)
  return submit(self, "set", key, value, command_options(options), callback)
end

--- Sets the value of a key if its present value is the expected one.
-- @tparam string key
-- @tparam string|number|boolean|table|nil old the expected value; tables are compared by their contents; nil if there
-- must be none
-- @tparam string|number|boolean|table new
-- @tparam[opt] {ttl:number|nil,holding:table|nil} options
-- @tparam[opt] fun(result:boolean|nil,message:string|nil,code:string|nil) callback
-- @treturn boolean true
-- @error nil, message, code, as `set`; and "not_equal": it has another value
-- @raise for wrong arguments
function Map:replace(key, old, new, options, callback)
  arguments.key(key, "replace")
  if old ~= nil then
    arguments.value(old, 2, "old", "replace")
  end
  arguments.value(new, 3, "new", "replace")
  options, callback = arguments.options(4, "replace", CHANGE, options, callback)
  local made = command_options(options) or {}
  made.old = old
  return submit(self, "replace", key, new, made, callback)
end

--- Deletes a key. A missing key is not an error.
-- @tparam string key
-- @tparam[opt] {holding:table|nil} options
-- @tparam[opt] fun(result:boolean|nil,message:string|nil,code:string|nil) callback
-- @treturn boolean true
-- @error nil, message, code, as a machine's `submit`: "not_ready", "uncertain" and so on; and "not_holding"
-- @raise for wrong arguments
function Map:delete(key, options, callback)
  arguments.key(key, "delete")
  options, callback = arguments.options(2, "delete", DELETE, options, callback)
  return submit(self, "delete", key, false, command_options(options), callback)
end

--- Adds to a number. A key without a value starts at 0. A value that expires keeps its time, unless a new `ttl` is
-- given.
-- @tparam string key
-- @tparam[opt=1] number by between -2^53 and 2^53
-- @tparam[opt] {ttl:number|nil,holding:table|nil} options
-- @tparam[opt] fun(result:number|nil,message:string|nil,code:string|nil) callback
-- @treturn number the sum
-- @error nil, message, code, as `set`; "not_a_number": the value is something else; "out_of_range": it or the sum is
-- not between -2^53 and 2^53, where numbers are exact
-- @raise for wrong arguments
function Map:increment(key, by, options, callback)
  arguments.key(key, "increment")
  by = by == nil and 1 or by
  arguments.increment(by)
  options, callback = arguments.options(3, "increment", CHANGE, options, callback)
  return submit(self, "increment", key, by, command_options(options), callback)
end

--- Returns a key's value. Without `confirmed` it is read from this member's state at once. This state is confirmed, but
-- may be old, and is empty before the replica is ready. With `confirmed` the call first waits for all changes that were
-- confirmed anywhere before it.
-- @tparam string key
-- @tparam[opt] {confirmed:boolean|nil} options
-- @tparam[opt] fun(value:any,message:string|nil,code:string|nil) callback only with `confirmed`
-- @treturn string|number|boolean|table|nil nil if there is none. A table is a copy
-- @error nil, message, code, with `confirmed`: as the replica's `barrier`
-- @raise for wrong arguments
function Map:get(key, options, callback)
  arguments.key(key, "get")
  options, callback = arguments.options(2, "get", GET, options, callback)
  if not options.confirmed then
    return plain.copy(values(self)[key])
  end
  local member, what = self[MEMBER], action(self, "get", key)
  local operation = recording.begin_read(member.record, member.name, self.name, key)
  local function read(ok, ...)
    local value = ok and values(self)[key]
    local log = ok and member.protocol and member.protocol.log
    recording.finish_read(operation, value, log and log.applied)
    if not ok then
      return nil, ...
    end
    return plain.copy(value)
  end
  if callback then
    return parts.barrier(member, what, function(...) script_calls.limited(callback, read(...)) end)
  end
  return read(parts.barrier(member, what))
end

--- Iterates over the keys with a prefix, in the order of the keys, as they are at this call. Later changes do not show.
-- It visits each key of the map once, and sorts those that match.
-- @tparam[opt=""] string prefix
-- @treturn fun():string|nil,any for `for key, value in prices:each "te" do`
-- @raise for a wrong argument
function Map:each(prefix)
  prefix = prefix == nil and "" or prefix
  arguments.prefix(prefix, "each")
  local keys, found, i = {}, {}, 0
  for key, value in pairs(values(self)) do
    if key:sub(1, #prefix) == prefix then
      keys[#keys + 1], found[key] = key, value
    end
  end
  table.sort(keys)
  return function()
    i = i + 1
    return keys[i], plain.copy(found[keys[i]])
  end
end

--- Calls a function for each later change of a key with a prefix, on this member, in the order of the changes. This
-- includes setting a key to the value that it already has. No change is missed or reported twice, except when the watch
-- restarts.
--
-- A member that starts, or comes back after a cut, may get the whole state from another one. Then the watch restarts:
-- `restarted` is called, and after it `changed` once for each key whose value differs from the last one reported. So
-- the latest value of each key is reported, but not the values that it had in between.
--
-- The same happens to a watch that begins before this member is ready, also with the values from its storage. One that
-- begins later gets only changes: call `each` just before it for the present values.
-- @tparam string prefix "" for all keys
-- @tparam fun(key:string,new:any,old:any,index:integer) changed `new` is nil if the key was deleted or has expired,
-- `old` if it had no value. `index` is that of the command; after `restarted`, of the last command in the state
-- @tparam[opt] fun(index:integer) restarted
-- @treturn fun() ends the watch
-- @raise for wrong arguments
function Map:watch(prefix, changed, restarted)
  arguments.prefix(prefix, "watch")
  arguments.f(changed, 2, "changed", "watch")
  if restarted ~= nil then
    arguments.f(restarted, 3, "restarted", "watch")
  end
  return part.watch(self[MEMBER], self.name, prefix, changed, restarted)
end

errors.guard_methods(Map, MEMBER, "map")

-- An assignment would change nothing on other members.
function Map:__newindex(key)
  errors.raise("map %s has no field %s: its values are changed by set, as map:set(key, value)",
    errors.quote(self.name), errors.quote(tostring(key)))
end

function Map:__tostring()
  return "corosync.replica.map " .. errors.quote(self.name)
end

function map.new(member, name)
  return setmetatable({ name = name, [MEMBER] = member }, Map)
end

return map
