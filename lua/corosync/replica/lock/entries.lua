-- The locks that this process uses. Each has an entry with the process's request and its grant. `follow` compares the
-- entry with the state, and submits the one command that is missing. So it does not matter which commands were lost,
-- late or uncertain.
--   entry.request   the request for the lock: new(token), tell(held or nil, message, code), is_there(), lost, deadline,
--                   is_try
--   entry.held      the present grant: token, lost
--   entry.ended     the token of the last grant that has ended for this process, even if the state still shows it
--   entry.is_busy   a command is on its way
--   entry.is_inherited  `held` is from the script before this one, see replica/handover.lua
--   entry.floor     grants up to this token are older than the entry
-- An entry is idle when process and state agree that there is no request and no grant. A process may use many locks,
-- each for a moment. So idle entries are not looked at, and are collected when no object of the script needs them any
-- more.
local core = require "corosync.binding"
local handlers = require "corosync.group.handlers"
local lease = require "corosync.replica.lock.lease"
local parts = require "corosync.replica.parts"
local state = require "corosync.replica.lock.state"

local entries = {}

local now = core.now

-- Returns what the member keeps for its locks.
function entries.of(member)
  local own = member.parts.lock
  if not own.by_name then
    own.by_name = setmetatable({}, { __mode = "v" })
    own.active = {} -- by name: those that are not idle
    own.greatest = 0 -- the greatest token whose grant is over
    own.floor = 0 -- grants up to this token that were not taken are over, see part.maintain
    own.is_new = false -- the state was replaced, and maintain has not been called since
    -- own.tag: of the generation in which maintain was last called
    own.reported = {} -- by session: those that this member is reporting as gone
    own.absent = {} -- by session: when the lease of one that is gone has expired
    own.lease = lease.new(member, function() entries.follow_all(member) end)
  end
  return own
end

function entries.get(member, name)
  local own = entries.of(member)
  local entry = own.by_name[name]
  if not entry then
    entry = { name = name, ended = 0, floor = own.greatest }
    own.by_name[name] = entry
  end
  return entry
end

function entries.submit(member, operation, session, name, token, tell)
  local command = { "lock", operation, session, os.time(), name, token }
  return parts.submit(member, operation .. " a lock of", command, tell, true)
end

-- Returns the entries that are not idle, as a copy, because the script's functions may add some meanwhile.
function entries.list_active(member)
  local found = {}
  for _, entry in pairs(entries.of(member).active) do
    found[#found + 1] = entry
  end
  return found
end

-- Treats an entry as not idle from now on.
function entries.activate(member, entry)
  entries.of(member).active[entry.name] = entry
end

-- ---- grants and their ends ----

-- Ends a grant on this side. Returns it.
function entries.finish(member, entry)
  local held = entry.held
  local own = entries.of(member)
  entry.held, entry.is_inherited, entry.ended, own.greatest = nil, nil, held.token, math.max(own.greatest, held.token)
  handlers.observe(member.record, "unlocked", entry.name)
  return held
end

-- Ends a grant, and tells the script.
function entries.lose(member, entry, reason)
  local held = entries.finish(member, entry)
  if held.lost then
    handlers.call(member.record, held.lost, reason)
  end
end

function entries.finish_request(member, entry, ...)
  local request = entry.request
  entry.request = nil
  handlers.call(member.record, request.tell, ...)
end

-- Ends all grants if the lease has expired, or renews it in time.
function entries.check_lease(member)
  local own, active = entries.of(member), entries.list_active(member)
  for _, entry in ipairs(active) do
    if entry.held and not own.lease:is_valid() then
      entries.lose(member, entry, "expired")
      entries.follow(member, entry)
    end
  end
  for _, entry in ipairs(active) do -- waiters renew it, too: a silent holder is noticed because it acknowledges nothing
    if entry.held or entry.request and member.was_serving then
      return own.lease:renew_if_due()
    end
  end
end

-- The state shows a grant to this process. But the state may be old, so only a valid lease proves that the process
-- still holds the lock.
local function take(member, entry, token)
  local own = entries.of(member)
  if not own.lease:is_valid() then
    return own.lease:renew()
  end
  local held = entry.request.new(token)
  if not entry.is_inherited then
    handlers.observe(member.record, "locked", entry.name, token)
  end
  entry.held, entry.is_inherited = { token = token, lost = entry.request.lost }, nil
  entries.finish_request(member, entry, held)
end

-- ---- what the process wants, compared with the state ----

-- Whether this process waits for the lock. A coroutine that waited may have been closed: nobody would release the lock.
function entries.wants(entry)
  if entry.request and not entry.request.is_there() then
    entry.request = nil
  end
  return entry.request ~= nil
end

-- Returns the operation that is missing, or nil.
local function missing_operation(entry, token, waits)
  if token then
    return not entry.held and "release" or nil
  elseif entries.wants(entry) then
    return not waits and "acquire" or nil
  end
  return waits and "withdraw" or nil
end

-- Whether this member may have been away, and maintain has not been called since.
local function was_away(member, own)
  local active = member.protocol.active
  return own.is_new or not active or active.tag ~= own.tag
end

local function follow(member, entry)
  local session, own = member:session(), entries.of(member)
  local token, waits = state.place(parts.states(member), entry.name, session)
  if entry.held and entry.held.token ~= token then
    entries.lose(member, entry, "taken")
    return follow(member, entry)
  elseif not member.was_serving or was_away(member, own) then
    return
  elseif token and entries.wants(entry) and (entry.held or token > math.max(entry.ended, entry.floor, own.floor)) then
    return take(member, entry, token)
  end
  local operation = not entry.is_busy and missing_operation(entry, token, waits)
  if operation then
    local submitted = now()
    entry.is_busy = entries.submit(member, operation, session, entry.name, token, function(_, _, code)
      entry.is_busy = false
      if not code then
        entries.of(member).lease:note(submitted)
        entries.follow(member, entry)
      end
    end) == true
  end
end

local function is_idle(member, entry)
  local token, waits = state.place(parts.states(member), entry.name, member:session())
  return not (entry.held or entry.request or entry.is_busy or token or waits)
end

-- Compares an entry with the state, and submits the command that is missing, if any.
function entries.follow(member, entry)
  entries.activate(member, entry)
  follow(member, entry)
  if is_idle(member, entry) then
    entries.of(member).active[entry.name] = nil
  end
end

-- In the state, this process may have a lock or wait for it although its entry was idle, because a command was late.
function entries.adopt(member, all)
  for name in pairs(all.lock) do
    local token, waits = state.place(all, name, member:session())
    if token or waits then
      entries.follow(member, entries.get(member, name))
    end
  end
end

function entries.follow_all(member)
  for _, entry in ipairs(entries.list_active(member)) do
    entries.follow(member, entry)
  end
end

-- Gives up a lock: for this process at once, and in the state by a command.
function entries.release(member, entry)
  entries.finish(member, entry)
  entries.follow(member, entry)
  return true
end

return entries
