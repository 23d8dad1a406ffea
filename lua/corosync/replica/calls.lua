--- Calls of functions on other members of a replica, made by a replica's `calls`. A call has a place in the order of
-- the group's messages. It does not depend on the replica's state, so it works as soon as a member has joined.
--
--    local rpc = app:calls { sum = function(a, b) return a + b end }
--    for member, ok, value in rpc:all("sum", 1, 2) do print(member, ok, value) end
--
-- @module corosync.replica.calls

local errors = require "corosync.errors"
local plain = require "corosync.replica.machines.plain"
local script_calls = require "corosync.script_calls"
local traceback = require "corosync.traceback"
local waiting = require "corosync.replica.waiting"

local calls = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

--- @type Calls
local Calls = {}
Calls.__index = Calls

-- A member's address as text.
local function text(address)
  return ("%d:%d"):format(address.node, address.pid)
end

-- ---- the member that is called ----

local function run(f, count, arguments)
  if not f then
    return { false, "this member has no such function", "not_exist" }
  end
  local ok, value = xpcall(function() return f(unpack(arguments, 1, count)) end, traceback)
  local problem = ok and value ~= nil and plain.check(value)
  if not ok then
    return { false, tostring(value), "raised" }
  elseif problem then
    return { false, ("the result cannot be sent: %s"):format(problem), "raised" }
  end
  return { true, value }
end

Calls.reply = script_calls.whole(function(self, from, message, reply)
  local ok = self.member:multicast { kind = "reply", to = from, id = message.id, ok = reply[1], value = reply[2],
    code = reply[3] }
  if not ok then
    self:reply(from, message, { false, "the result is too long to be sent", "too_big" })
  end
end)

-- Takes over the calls of an earlier script that still wait for replies.
function Calls:continue(earlier)
  for id, call in pairs(earlier.pending) do
    self.pending[id] = call
  end
  self.last = math.max(self.last, earlier.last)
end

function Calls:received(from, message)
  if from == self.member.address then
    self:is_placed(message.id)
  end
  if message.to and message.to ~= self.member.address then
    return
  end
  waiting.spawn(self.member, function()
    self:reply(from, message, run(self.functions[message.name], message.count, message.arguments))
  end)
end

-- ---- the caller ----

local function finish(self, id)
  local call = self.pending[id]
  self.pending[id] = nil
  call.tell(call)
end

local function note(self, id, address, ok, value, code)
  local call = self.pending[id]
  if not call or not call.missing or not call.missing[address] then
    return
  end
  call.missing[address] = nil
  call.replies[address] = { ok, value, code }
  if not next(call.missing) or ok and call.any then
    finish(self, id)
  end
end

-- This member's own call has come back: it waits for replies of those that are members at this point in the order.
function Calls:is_placed(id)
  local call = self.pending[id]
  if not call then
    return
  end
  call.members, call.missing = {}, {}
  for _, address in ipairs(self.member.members) do
    if not call.to or call.to == text(address) then
      table.insert(call.members, address)
      call.missing[text(address)] = true
    end
  end
  if #call.members == 0 then
    finish(self, id)
  end
end

function Calls:replied(from, message)
  if message.to == self.member.address then
    note(self, message.id, from, message.ok, message.value, message.code)
  end
end

local function pending_ids(self)
  local ids = {}
  for id in pairs(self.pending) do
    ids[#ids + 1] = id
  end
  table.sort(ids)
  return ids
end

function Calls:left(address)
  for _, id in ipairs(pending_ids(self)) do
    note(self, id, address, false, ("member %s has gone"):format(address), "gone")
  end
end

-- Ends a call whose remaining members did not reply.
local function give_up(self, id, why, code)
  local call = self.pending[id]
  for address in pairs(call.missing or {}) do
    call.replies[address] = { false, why, code }
  end
  call.why, call.code = why, code
  finish(self, id)
end

-- The connection was lost, or the replica closed.
function Calls:lost(why, code)
  for _, id in ipairs(pending_ids(self)) do
    give_up(self, id, why, code)
  end
end

local function send(self, id, call)
  call.is_sent = true
  if not self.member:multicast(call.message) then
    give_up(self, id, "the arguments are too long to be sent", "too_big")
  end
end

local function overdue_text(call)
  if not call.is_sent then
    return "it was not sent, because this member had not joined the group in time: app:status() tells why"
  end
  return call.missing and "no reply in time" or "it was sent, but did not come back from the group in time"
end

-- Called a few times a second.
function Calls:tick(now)
  for _, id in ipairs(pending_ids(self)) do
    local call = self.pending[id]
    if now >= call.deadline then
      give_up(self, id, overdue_text(call), "timeout")
    elseif not call.is_sent and self.member:has_joined() then
      send(self, id, call)
    end
  end
end

-- The last argument may be { timeout = seconds }.
local function split_arguments(count, arguments)
  local last = arguments[count]
  local has_options = type(last) == "table" and type(last.timeout) == "number" and next(last) == "timeout"
    and next(last, "timeout") == nil
  return has_options and count - 1 or count, has_options and last.timeout or nil
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

-- Returns the outcome of a call that was not sent.
local function no_call(why, code)
  return { replies = {}, why = why, code = code }
end

-- Calls, and waits until the call ends. Returns the call.
local function make(self, method, first, fields, name, ...)
  local member, arguments = self.member, { ... }
  if type(name) ~= "string" then
    errors.raise("bad argument #%d 'name' to '%s' (string expected, got %s)", first - 1, method, type(name))
  end
  local count, timeout = split_arguments(select("#", ...), arguments)
  if timeout and (timeout < 0 or timeout ~= timeout) then
    errors.raise("bad argument #%d to '%s' (field 'timeout': at least 0 expected, got %g)", first + count, method,
      timeout)
  end
  check_arguments(method, first, count, arguments)
  if member.is_closed then
    return no_call("the replica was closed", "closed")
  end
  for i = count + 1, #arguments do
    arguments[i] = nil
  end
  self.last = self.last + 1
  local id = self.last
  fields.replies, fields.deadline = {}, member.now() + (timeout or member.options.timeout)
  fields.message = { kind = "call", to = fields.to, id = id, name = name, count = count, arguments = arguments }
  local outcome = waiting.result(member, function(tell)
    fields.tell = tell
    self.pending[id] = fields
    if member:has_joined() then
      send(self, id, fields)
    end
  end, function(code, why)
    return no_call(why or code or "nothing can wait here: call in a coroutine", code or "dispatching")
  end, fields.deadline - member.now())
  self.pending[id] = nil
  return outcome[1] or { replies = {}, failure = outcome[2], code = outcome[3] }
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
    errors.quote(self.member.name), call.why or "it is not a member"), call.code or "gone"
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
  local call = make(self, "all", 2, {}, name, ...)
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
  local call = make(self, "one", 3, { to = text(member) }, name, ...)
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
  local call = make(self, "any", 2, { any = true }, name, ...)
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

errors.guard_methods(Calls, "member", "calls")

function calls.new(member, functions)
  for name, f in pairs(functions) do
    if type(name) ~= "string" or type(f) ~= "function" then
      errors.raise("bad argument #1 'functions' to 'calls' (functions by name expected, got a %s at %s)", type(f),
        tostring(name))
    end
  end
  -- A reply to a former process with the same address must not be taken for one to this process, so ids begin with the
  -- time.
  local first = math.floor(member.now() * 1000000)
  return setmetatable({ member = member, functions = functions, pending = {}, last = first }, Calls)
end

return calls
