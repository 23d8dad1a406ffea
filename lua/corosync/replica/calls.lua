--- Calls of functions on other members of a replica, made by a replica's `calls`. A call has a place in the order of
-- the group's messages. It does not depend on the replica's state, so it works as soon as a member has joined.
--
--    local rpc = app:calls { sum = function(a, b) return a + b end }
--    for member, ok, value in rpc:all("sum", 1, 2) do print(member, ok, value) end
--
-- @module corosync.replica.calls

local errors = require "corosync.errors"
local exchange = require "corosync.replica.calls.exchange"
local plain = require "corosync.replica.machines.plain"

local calls = {}

local EXCHANGE = {} -- the key of an object's exchange

local text = exchange.text

--- @type Calls
local Calls = {}
Calls.__index = Calls

-- The last argument may be { timeout = seconds }. Returns how many others there are, and the timeout, if given.
local function split_arguments(method, first, count, arguments)
  local last = arguments[count]
  local has_options = type(last) == "table" and type(last.timeout) == "number" and next(last) == "timeout"
    and next(last, "timeout") == nil
  if not has_options then
    return count
  elseif last.timeout < 0 or last.timeout ~= last.timeout then
    errors.raise("bad argument #%d to '%s' (field 'timeout': at least 0 expected, got %g)", first + count - 1, method,
      last.timeout)
  end
  return count - 1, last.timeout
end

local function check_arguments(method, first, count, arguments)
  for i = 1, count do
    local problem = arguments[i] ~= nil and plain.check(arguments[i])
    if problem then
      errors.raise("bad argument #%d to '%s' (%s: only strings, numbers, booleans and tables of these can be sent)",
        first + i - 1, method, problem)
    end
  end
end

-- Calls a member, or all, and waits until the call ends. Returns the call. `first`: the position of the first argument
-- for the function; `call`: the fields `to` and `any` of the call, if it has them.
local function call_and_wait(self, method, first, call, name, ...)
  local own, arguments = self[EXCHANGE], { ... }
  if type(name) ~= "string" then
    errors.raise("bad argument #%d 'name' to '%s' (string expected, got %s)", first - 1, method, type(name))
  end
  local count, timeout = split_arguments(method, first, select("#", ...), arguments)
  check_arguments(method, first, count, arguments)
  if own.member.is_closed then
    return exchange.unsent("the replica was closed", "closed")
  end
  for i = count + 1, #arguments do
    arguments[i] = nil
  end
  call.message = { kind = "call", to = call.to, name = name, count = count, arguments = arguments }
  return own:call(call, timeout or own.member.options.timeout)
end

local function result(reply)
  if reply[1] then
    return reply[2] == nil and true or reply[2]
  end
  return nil, reply[2], reply[3]
end

local function failure(self, name, call)
  if call.failure then
    return nil, call.failure, call.code
  end
  return nil, ("cannot call %s on a member of replica %s: %s"):format(errors.quote(name),
    errors.quote(self[EXCHANGE].member.name), call.why or "it is not a member"), call.code or "gone"
end

--- Calls a function on all members that the group has at the call's place in the order, including this one.
-- @tparam string name
-- @param[opt] ... arguments: strings, numbers, booleans, and tables of these. A last one `{ timeout = seconds }`
-- sets how long to wait for replies, instead of the replica's `timeout`
-- @treturn fun():(corosync.cpg.address,boolean,any,string|nil) an iterator over all members, each exactly once. It
-- returns the member, whether the call succeeded, its result or a message, and a code: "raised" (the function raised an
-- error), "not_exist" (that member has no such function), "too_big" (its result is), "gone" (the member left before it
-- replied), "timeout", "not_connected" (the connection to Corosync on this node was lost), "closed"
-- @error an iterator over no members, message, code, if the call did not reach the group: "timeout" (this member has
-- not joined), "too_big" (the arguments are), "not_connected", "closed", "dispatching" (where nothing can wait)
-- @usage for member, ok, value, code in rpc:all("sum", 1, 2, { timeout = 1 }) do print(member, ok, value, code) end
function Calls:all(name, ...)
  local call = call_and_wait(self, "all", 2, {}, name, ...)
  local i = 0
  local function next_reply()
    i = i + 1
    local member = call.members and call.members[i]
    if member then
      local reply = call.replies[text(member)]
      return member, reply[1], reply[2], reply[3]
    end
  end
  if call.members then
    return next_reply
  end
  return next_reply, select(2, failure(self, name, call))
end

--- Calls a function on one member.
-- @tparam corosync.cpg.address member
-- @tparam string name
-- @param[opt] ... as for `all`
-- @return the result, or true if the function returned nothing
-- @error nil, message, code: as for `all`. "gone" also means that the address is not a member; "dispatching" where
-- nothing can wait
function Calls:one(member, name, ...)
  if type(member) ~= "table" or type(member.node) ~= "number" or type(member.pid) ~= "number" then
    errors.raise("bad argument #1 'member' to 'one' (address expected, got %s)", type(member))
  end
  local call = call_and_wait(self, "one", 3, { to = text(member) }, name, ...)
  local reply = call.replies[text(member)]
  if not reply then
    return failure(self, name, call)
  end
  return result(reply)
end

--- Calls a function on all members, and returns the first successful result.
-- @tparam string name
-- @param[opt] ... as for `all`
-- @return the result, or true if the function returned nothing
-- @error nil, message, code: those of one member, if the call succeeded on none
function Calls:any(name, ...)
  local call = call_and_wait(self, "any", 2, { any = true }, name, ...)
  local last
  for _, member in ipairs(call.members or {}) do
    local reply = call.replies[text(member)]
    last = reply or last
    if reply and reply[1] then
      return result(reply)
    end
  end
  if not last then
    return failure(self, name, call)
  end
  return result(last)
end

errors.guard_methods(Calls, EXCHANGE, "calls")

-- Returns the object for the script, and its exchange, which the member must tell of what happens.
function calls.new(member, functions)
  for name, f in pairs(functions) do
    if type(name) ~= "string" or type(f) ~= "function" then
      errors.raise("bad argument #1 'functions' to 'calls' (functions by name expected, got a %s at %s)", type(f),
        tostring(name))
    end
  end
  local own = exchange.new(member, functions)
  return setmetatable({ [EXCHANGE] = own }, Calls), own
end

return calls
