-- Locks as a part of the replica's machine.
local entries = require "corosync.replica.lock.entries"
local now = require("corosync.binding").now
local parts = require "corosync.replica.parts"
local state = require "corosync.replica.lock.state"

local part = { initial = state.initial, apply = state.apply }

function part.restored(owner, all)
  entries.of(owner).is_new = true
  entries.follow_all(owner)
  entries.adopt(owner, all)
end

function part.changed(owner, _, command)
  local name = command[5]
  if command[2] == "gone" then
    entries.follow_all(owner)
  elseif entries.of(owner).active[name] or command[3] == owner:session() then
    entries.follow(owner, entries.get(owner, name))
  end
end

-- ---- time ----

local function give_up(owner, entry)
  local lock = parts.states(owner).lock[entry.name]
  local what = ("acquire lock '%s' of"):format(entry.name)
  local status, why = owner:state()
  if status == "blocked" or status == "learning" then
    entries.finish_request(owner, entry, owner.callers:failure(what, "not_ready", why))
  elseif not lock or lock.holder == owner:session() then
    entries.finish_request(owner, entry, owner.callers:failure(what, "not_ready", "it was not confirmed in time"))
  else
    entries.finish_request(owner, entry, owner.callers:failure(what, "timeout",
      ("member %s holds it"):format(lock.holder:match "^[^#]+")))
  end
end

-- A request with a timeout of 0 waits for its first command, whose result shows whether the lock is free.
local function is_overdue(entry)
  local request = entry.request
  return request and request.deadline and now() >= request.deadline and not (request.is_try and entry.is_busy)
end

function part.tick(owner)
  entries.look_at_lease(owner)
  for _, entry in ipairs(entries.all(owner)) do
    if is_overdue(entry) then
      give_up(owner, entry)
      entries.follow(owner, entry)
    end
  end
end

-- ---- members that are gone ----

-- Whether a session has ended, left or been excluded. A session with this member's address may be that of an earlier
-- process.
local function is_gone(owner, session)
  local address = session:match "^[^#]+"
  if address == owner.address then
    return session ~= owner:session()
  end
  return not owner:is_present(address)
end

-- Whether a session that is gone can no longer believe that it holds a lock, because its process has ended or its lease
-- has expired. A member that was excluded and is still in the group may have been silent only briefly, because
-- `patience` can be short. `over_at`: what this member computed when it first saw that the session was gone.
local function is_over(owner, own, session, over_at)
  local address = session:match "^[^#]+"
  if address == owner.address or owner.ended[address] then
    over_at = -math.huge
  elseif not over_at then
    over_at = now() + (owner.present[address] and own.lease.seconds or own.lease.grace)
  end
  own.absent[session] = over_at
  return now() >= over_at
end

local function report(owner, own, session)
  own.reported[session] = entries.submit(owner, "gone", session, false, parts.index(owner), function()
    own.reported[session] = nil
  end)
end

-- After this member was away, a command that reports it as gone may still be on its way, and will end grants that this
-- member gets before it arrives. So the member must not take these grants, and requests the locks again.
local function begin_anew(owner, own)
  own.tag, own.is_new, own.floor = owner.protocol.active.tag, false, owner.protocol.log.index
  own.lease:measure()
end

function part.look(owner, all)
  local own = entries.of(owner)
  if own.is_new or own.tag ~= owner.protocol.active.tag then
    begin_anew(owner, own)
  end
  local absent = own.absent
  own.absent = {}
  state.each_session(all, function(session)
    local is_free = is_gone(owner, session) and is_over(owner, own, session, absent[session])
    if is_free and not own.reported[session] then
      report(owner, own, session)
    end
  end)
  entries.follow_all(owner)
end

function part.left(owner, reason)
  for _, entry in ipairs(entries.all(owner)) do
    if entry.held then
      entries.lose(owner, entry, reason)
    end
    if entry.request and reason == "closed" then
      entries.finish_request(owner, entry, owner.callers:failure(("acquire lock '%s' of"):format(entry.name), "closed"))
    end
  end
end

return part
