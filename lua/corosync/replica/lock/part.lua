-- Locks as a part of the replica's machine.
local entries = require "corosync.replica.lock.entries"
local now = require("corosync.binding").now
local parts = require "corosync.replica.parts"
local state = require "corosync.replica.lock.state"

local part = { initial = state.initial, apply = state.apply }

function part.restored(member, all)
  entries.of(member).is_new = true
  entries.follow_all(member)
  entries.adopt(member, all)
end

function part.changed(member, _, command)
  local name = command[5]
  if command[2] == "gone" then
    entries.follow_all(member)
  elseif entries.of(member).active[name] or command[3] == member:session() then
    entries.follow(member, entries.get(member, name))
  end
end

-- ---- time ----

local function give_up(member, entry)
  local lock = parts.states(member).lock[entry.name]
  local what = ("acquire lock '%s' of"):format(entry.name)
  local status, why = member:state()
  if status == "blocked" or status == "learning" then
    entries.finish_request(member, entry, member.callers:failure(what, "not_ready", why))
  elseif not lock or lock.holder == member:session() then
    entries.finish_request(member, entry, member.callers:failure(what, "not_ready", "it was not confirmed in time"))
  else
    entries.finish_request(member, entry, member.callers:failure(what, "timeout",
      ("member %s holds it"):format(state.address_of(lock.holder))))
  end
end

-- A request with a timeout of 0 waits for its first command, whose result shows whether the lock is free.
local function is_overdue(entry)
  local request = entry.request
  return request and request.deadline and now() >= request.deadline and not (request.is_try and entry.is_busy)
end

function part.tick(member)
  entries.check_lease(member)
  for _, entry in ipairs(entries.list_active(member)) do
    if is_overdue(entry) then
      give_up(member, entry)
      entries.follow(member, entry)
    end
  end
end

-- ---- members that are gone ----

-- Whether a session has ended, left or been excluded. A session with this member's address may be that of an earlier
-- process.
local function is_gone(member, session)
  local address = state.address_of(session)
  if address == member.address then
    return session ~= member:session()
  end
  return not member:is_present(address)
end

-- Whether a session that is gone can no longer believe that it holds a lock, because its process has ended or its lease
-- has expired. A member that was excluded and is still in the group may have been silent only briefly, because
-- `patience` can be short. `over_at`: what this member computed when it first saw that the session was gone.
local function is_over(member, own, session, over_at)
  local address = state.address_of(session)
  if address == member.address or member.ended[address] then
    over_at = -math.huge
  elseif not over_at then
    over_at = now() + (member.present[address] and own.lease.seconds or own.lease.grace)
  end
  own.absent[session] = over_at
  return now() >= over_at
end

local function report(member, own, session)
  own.reported[session] = entries.submit(member, "gone", session, false, parts.index(member), function()
    own.reported[session] = nil
  end)
end

-- After this member was away, a command that reports it as gone may still be on its way, and will end grants that this
-- member gets before it arrives. So the member must not take these grants, and requests the locks again.
local function begin_anew(member, own)
  own.tag, own.is_new, own.floor = member.protocol.active.tag, false, member.protocol.log.index
  own.lease:measure()
end

function part.maintain(member, all)
  local own = entries.of(member)
  if own.is_new or own.tag ~= member.protocol.active.tag then
    begin_anew(member, own)
  end
  local absent = own.absent
  own.absent = {}
  state.each_session(all, function(session)
    local is_free = is_gone(member, session) and is_over(member, own, session, absent[session])
    if is_free and not own.reported[session] then
      report(member, own, session)
    end
  end)
  entries.follow_all(member)
end

function part.left(member, reason)
  for _, entry in ipairs(entries.list_active(member)) do
    if entry.held then
      entries.lose(member, entry, reason)
    end
    if entry.request and reason == "closed" then
      local what = ("acquire lock '%s' of"):format(entry.name)
      entries.finish_request(member, entry, member.callers:failure(what, "closed"))
    end
  end
end

return part
