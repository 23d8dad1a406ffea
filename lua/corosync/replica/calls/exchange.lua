-- Calls of functions between members: those that this member has made and that have not ended, and the functions that
-- others may call. A call that waits has the fields
--   message            as it is sent; `to`: the address of the only member that is called, as text, or nil for all
--   any                whether the first success ends it
--   deadline, is_sent
--   members, missing   set when the message comes back: the members called, and by address those still to reply
--   replies            by address: { true, value }, or { false, message, code }
--   why, code          why it ended without all replies; failure: the whole message, if its wait failed
--   tell(call)         called once, when it ends
local errors = require "corosync.errors"
local plain = require "corosync.replica.machines.plain"
local script_calls = require "corosync.script_calls"
local traceback = require "corosync.traceback"
local waiting = require "corosync.replica.waiting"

local exchange = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

local Exchange = {}
Exchange.__index = Exchange

-- Returns a member's address as text.
function exchange.text(address)
  return ("%d:%d"):format(address.node, address.pid)
end

-- `functions`: by name, those that others may call.
function exchange.new(member, functions)
  -- A reply to a former process with the same address must not be taken for one to this process, so ids begin with the
  -- time.
  local first = math.floor(member.now() * 1000000)
  return setmetatable({ member = member, functions = functions, pending = {}, last = first }, Exchange)
end

-- ---- the caller ----

local function finish(self, id)
  local call = self.pending[id]
  self.pending[id] = nil
  call.tell(call)
end

-- This member's own call has come back: it waits for replies of those that are members at this point in the order.
local function begin_awaiting(self, id)
  local call = self.pending[id]
  if not call then
    return
  end
  call.members, call.missing = {}, {}
  for _, address in ipairs(self.member.members) do
    if not call.to or call.to == exchange.text(address) then
      table.insert(call.members, address)
      call.missing[exchange.text(address)] = true
    end
  end
  if #call.members == 0 then
    finish(self, id)
  end
end

-- Takes the reply of a member, unless the call has ended or has its reply.
local function take_reply(self, id, address, ok, value, code)
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

function Exchange:replied(from, message)
  if message.to == self.member.address then
    take_reply(self, message.id, from, message.ok, message.value, message.code)
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

function Exchange:left(address)
  for _, id in ipairs(pending_ids(self)) do
    take_reply(self, id, address, false, ("member %s has gone"):format(address), "gone")
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
function Exchange:lost(why, code)
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
function Exchange:tick(now)
  for _, id in ipairs(pending_ids(self)) do
    local call = self.pending[id]
    if now >= call.deadline then
      give_up(self, id, overdue_text(call), "timeout")
    elseif not call.is_sent and self.member:has_joined() then
      send(self, id, call)
    end
  end
end

-- Takes over the calls of an earlier script that still wait for replies.
function Exchange:continue(earlier)
  for id, call in pairs(earlier.pending) do
    self.pending[id] = call
  end
  self.last = math.max(self.last, earlier.last)
end

-- Makes a call, and waits until it ends, for at most `seconds`. Returns the call.
function Exchange:call(call, seconds)
  local member, id = self.member, self.last + 1
  self.last = id
  call.replies, call.deadline, call.message.id = {}, member.now() + seconds, id
  local outcome = waiting.result(member, function(tell)
    call.tell = tell
    self.pending[id] = call
    if member:has_joined() then
      send(self, id, call)
    end
  end, function(code, why)
    local what = ("call %s on a member of"):format(errors.quote(call.message.name))
    local _, message, refusal = member.callers:refuse(what, code or "dispatching",
      why or "nothing can wait here: call in a coroutine")
    return { replies = {}, failure = message, code = refusal }
  end, call.deadline - member.now())
  self.pending[id] = nil
  return outcome[1] or { replies = {}, failure = outcome[2], code = outcome[3] }
end

-- Returns a call that has ended without being sent.
function exchange.unsent(why, code)
  return { replies = {}, why = why, code = code }
end

-- ---- the member that is called ----

local function run(self, message)
  local f = self.functions[message.name]
  if not f then
    local name = errors.quote(tostring(message.name))
    return { false, ("member %s has no function %s"):format(self.member.address, name), "not_exist" }
  end
  local ok, value = xpcall(function() return f(unpack(message.arguments, 1, message.count)) end, traceback)
  local problem = ok and value ~= nil and plain.check(value)
  if not ok then
    return { false, tostring(value), "raised" }
  elseif problem then
    return { false, ("the result cannot be sent: %s"):format(problem), "raised" }
  end
  return { true, value }
end

local reply_to

reply_to = script_calls.whole(function(self, from, message, reply)
  local ok = self.member:multicast { kind = "reply", to = from, id = message.id, ok = reply[1], value = reply[2],
    code = reply[3] }
  if not ok then
    reply_to(self, from, message, { false, "the result is too long to be sent", "too_big" })
  end
end)

function Exchange:received(from, message)
  if from == self.member.address then
    begin_awaiting(self, message.id)
  end
  if message.to and message.to ~= self.member.address then
    return
  end
  waiting.spawn(self.member, function()
    reply_to(self, from, message, run(self, message))
  end)
end

return exchange
