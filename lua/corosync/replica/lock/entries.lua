-- The locks that this process uses. For each there is an entry: what the process wants, and what it has. `follow`
-- compares it with the state, and submits the one command that brings them together. So it does not matter which
-- commands were lost, late or uncertain.
--   entry.request   what waits for the lock: new(token), tell(held or nil, message, code), lost, deadline, is_try
--   entry.held      the present grant: token, lost
--   entry.ended     the token of the last grant that is over here, whatever the state still says
--   entry.is_busy   a command is on its way
local core = require "corosync.binding"
local handlers = require "corosync.handlers"
local lease = require "corosync.replica.lock.lease"
local parts = require "corosync.replica.parts"
local state = require "corosync.replica.lock.state"

local entries = {}

local now = core.now

-- What the member keeps for its locks.
function entries.of(owner)
  local own = owner.parts.lock
  if not own.by_name then
    own.by_name = {}
    own.reported = {} -- by session: those that this member is reporting as gone
    own.absent = {} -- by session: since when this member has seen that it is gone
    own.lease = lease.new(owner, function() entries.follow_all(owner) end)
  end
  return own
end

function entries.get(owner, name)
  local by_name = entries.of(owner).by_name
  by_name[name] = by_name[name] or { name = name, ended = 0 }
  return by_name[name]
end

function entries.submit(owner, operation, session, name, token, tell)
  return parts.submit(owner, operation .. " a lock of", { "lock", operation, session, os.time(), name, token }, tell)
end

-- A copy: the script's functions may add some meanwhile.
function entries.all(owner)
  local found = {}
  for _, entry in pairs(entries.of(owner).by_name) do
    found[#found + 1] = entry
  end
  return found
end

-- ---- grants and their ends ----

local function stop_if_idle(own)
  for _, entry in pairs(own.by_name) do
    if entry.held then
      return
    end
  end
  own.lease:stop()
end

-- Ends a grant on this side. Returns it.
function entries.finish(owner, entry)
  local held = entry.held
  entry.held, entry.ended = nil, held.token
  stop_if_idle(entries.of(owner))
  return held
end

function entries.lose(owner, entry, reason)
  local held = entries.finish(owner, entry)
  if held.lost then
    handlers.call(owner.record, held.lost, reason)
  end
end

function entries.finish_request(owner, entry, ...)
  local request = entry.request
  entry.request = nil
  handlers.call(owner.record, request.tell, ...)
end

function entries.look_at_lease(owner)
  local own, all = entries.of(owner), entries.all(owner)
  for _, entry in ipairs(all) do
    if entry.held and not own.lease:is_valid() then
      entries.lose(owner, entry, "expired")
      entries.follow(owner, entry)
    end
  end
  for _, entry in ipairs(all) do -- those who wait, too: a silent holder is noticed when it does not acknowledge
    if entry.held or entry.request and owner.was_serving then
      return own.lease:renew_if_due()
    end
  end
end

-- The state may be old, and the grant with it: only a valid lease shows that the lock is still this member's.
local function take(owner, entry, token)
  local own = entries.of(owner)
  if not own.lease:is_valid() then
    return own.lease:renew()
  end
  local held = entry.request.new(token)
  entry.held = { token = token, lost = entry.request.lost }
  own.lease:start(function() entries.look_at_lease(owner) end)
  entries.finish_request(owner, entry, held)
end

-- ---- bringing state and wishes together ----

-- The operation that is needed.
local function step(entry, token, waits)
  if token then
    return not entry.held and "release" or nil
  elseif entry.request then
    return not waits and "acquire" or nil
  end
  return waits and "withdraw" or nil
end

function entries.follow(owner, entry)
  local session = owner:session()
  local token, waits = state.place(parts.states(owner), entry.name, session)
  if entry.held and entry.held.token ~= token then
    entries.lose(owner, entry, "taken")
    return entries.follow(owner, entry)
  elseif not owner.was_serving then
    return
  elseif token and entry.request and token > entry.ended then
    return take(owner, entry, token)
  end
  local operation = not entry.is_busy and step(entry, token, waits)
  if operation then
    local submitted = now()
    entry.is_busy = entries.submit(owner, operation, session, entry.name, token, function(_, _, code)
      entry.is_busy = false
      if not code then
        entries.of(owner).lease:note(submitted)
        entries.follow(owner, entry)
      end
    end) == true
  end
end

function entries.follow_all(owner)
  for _, entry in ipairs(entries.all(owner)) do
    entries.follow(owner, entry)
  end
end

return entries
