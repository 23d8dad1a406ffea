--- A member's candidacy in an election, made by a replica's `leader`. It lasts until the replica is closed.
-- @classmod corosync.replica.leader

--- The election's name.
-- @tfield string name

local errors = require "corosync.errors"
local lock = require "corosync.replica.lock"
local waiting = require "corosync.replica.waiting"

local MEMBER = {} -- the key of an object's member

local Leader = {}
Leader.__index = Leader

local function call(self, name, ...)
  local handler = self.handlers[name]
  if handler then
    waiting.spawn(self[MEMBER], handler, ...)
  end
end

local stand

local function depose(self, reason)
  self.held = nil
  call(self, "deposed", reason)
  local member = self[MEMBER]
  -- After a reload, the new script's object may be the candidate.
  if not member.is_closed and member.leaders and member.leaders[self.name] == self then
    stand(self)
  end
end

function stand(self)
  lock.request(self.lock, { lost = function(reason) depose(self, reason) end }, function(held, message, code)
    if held then
      self.held = held
      call(self, "elected", held.token)
    elseif code ~= "closed" then -- the script uses the election's lock itself
      self[MEMBER]:report(message)
    end
  end, function() return true end)
end

--- Stops leading: the next member in the queue is elected, and this one goes to the end of the queue.
-- @treturn boolean true
-- @error nil, message, code: "not_holding" (it does not lead)
function Leader:resign()
  if not self.held then
    return self[MEMBER].callers:failure(("resign from %s of"):format(errors.quote(self.name)), "not_holding",
      "this process does not lead")
  end
  self.held:release()
  depose(self, "resigned")
  return true
end

local FIELDS = { elected = "function", deposed = "function" }

local function check_handlers(given)
  errors.check_fields(given, FIELDS, 2, "handlers", "leader")
  if not given.elected then
    errors.raise "bad argument #2 'handlers' to 'leader' (field 'elected': function expected, got nil)"
  end
end

errors.guard_methods(Leader, MEMBER, "leader")

-- Without handlers, returns the existing candidacy, if any.
local function new(member, name, given)
  member.leaders = member.leaders or {}
  local known = member.leaders[name]
  if known and given ~= nil then
    errors.raise("bad argument #1 'name' to 'leader' (this process stands for election '%s' already)", name)
  elseif known then
    return known
  end
  check_handlers(given)
  local self = setmetatable({ name = name, [MEMBER] = member, lock = lock.new(member, "leader/" .. name),
    handlers = { elected = given.elected, deposed = given.deposed } }, Leader)
  member.leaders[name] = self
  stand(self)
  return self
end

return { new = new }
