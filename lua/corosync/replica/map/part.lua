-- Maps as a part of the replica's machine: their state, the watchers of this member, and the expiry of values.
--
-- Each member counts the time of a value by its own clock, from when it applied the command. The first of the full
-- members submits the deletion. A member that got the state from another one relies on the clocks of the nodes to
-- agree.
local deadlines = require "corosync.replica.map.deadlines"
local now = require("corosync.binding").now
local parts = require "corosync.replica.parts"
local state = require "corosync.replica.map.state"
local watchers = require "corosync.replica.map.watchers"

local MOST = 2000 -- values that one command deletes

local part = { initial = state.initial, apply = state.apply }

local function begin(mine, member)
  mine.watchers, mine.deadlines = watchers.new(member.record), deadlines.new(now())
  mine.told = 0 -- the index of the last command that was reported to watchers
end

-- Returns what this member keeps for its maps.
local function own(member)
  local mine = member.parts.map
  if not mine.watchers then
    begin(mine, member)
  end
  return mine
end

-- A state that was dropped is not reported to watchers as a change; they are called when the member has a state again.
local function catch_up(member, mine, all)
  if mine.is_restored then
    mine.is_restored = false
    mine.told = parts.index(member)
    mine.watchers:restored(all.map, mine.told)
  end
end

local function changed_key(mine, name, key, new, at, options)
  if not mine.is_restored then
    mine.watchers:changed(name, key, new, at)
  end
  if options and options.ttl then
    mine.deadlines:set(name, key, at, now() + options.ttl)
  end
end

local changes = {}

function changes.set(mine, command, _, at)
  mine.deadlines:remove(command[3], command[4])
  changed_key(mine, command[3], command[4], command[5], at, command[6])
end

changes.replace = changes.set

function changes.delete(mine, command, _, at)
  mine.deadlines:remove(command[3], command[4])
  changed_key(mine, command[3], command[4], nil, at)
end

function changes.increment(mine, command, result, at)
  changed_key(mine, command[3], command[4], result, at, command[6])
end

function changes.expire(mine, _, result, at)
  for _, entry in ipairs(result) do
    mine.deadlines:remove(entry[1], entry[2])
    changed_key(mine, entry[1], entry[2], nil, at)
  end
end

-- The state of another member may be older than what watchers have been told, because a member that has just started
-- with its storage applies the last commands again. These are not reported a second time.
function part.changed(member, all, command, result, at)
  local mine = own(member)
  if at > mine.told then
    catch_up(member, mine, all)
    mine.told = at
  end
  if not state.refusal(result) then
    changes[command[2]](mine, command, result, at)
  end
end

function part.restored(member, all)
  local mine = own(member)
  mine.is_restored = true
  mine.deadlines = deadlines.new(now())
  for name, map in pairs(all.map) do
    for key, expiry in pairs(map.expiry) do
      local left = math.max(0, math.min(expiry[2], expiry[3] - os.time()))
      mine.deadlines:set(name, key, expiry[1], now() + left)
    end
  end
end

-- Whether this member is the first of the full ones.
local function is_first(member)
  local full = member.protocol.active.full
  for address in pairs(full) do
    if address < member.address then
      return false
    end
  end
  return full[member.address] == true
end

local expire

-- Submits the deletion of values. If it is not confirmed, they are still due at the next check.
local function submit(member, mine, due)
  local ok = parts.submit(member, "expire values of", { "map", "expire", due }, function(result)
    mine.is_expiring = false
    if result and #due == MOST then
      expire(member, mine)
    end
  end, true)
  mine.is_expiring = ok == true
end

function expire(member, mine)
  if mine.is_expiring or not member.protocol.active or not is_first(member) then
    return
  end
  local due = mine.deadlines:due(now(), MOST)
  if #due > 0 then
    submit(member, mine, due)
  end
end

-- Whether all commands up to the last one that watchers were told of are in the log, and will be applied once they are
-- confirmed.
local function is_coming(member, told)
  local log = member.protocol.log
  return log.applied < told and told <= log.index
end

function part.maintain(member, all)
  local mine = own(member)
  mine.has_begun = true
  if not is_coming(member, mine.told) then
    catch_up(member, mine, all)
  end
  expire(member, mine)
end

-- Adds a watcher, as Watchers:add does. One that is added before this member has ever been ready gets the whole state
-- then, also the part that comes from this member's storage.
function part.watch(member, name, prefix, changed, restarted)
  local mine, maps = own(member), parts.states(member).map
  if not mine.has_begun and not member.was_serving and maps[name] then
    maps, mine.is_restored = {}, true
  end
  return mine.watchers:add(maps, parts.index(member), name, prefix, changed, restarted)
end

-- Gives a new script a set of watchers of its own. Returns those of the earlier script.
function part.replace_watchers(member, given)
  local mine = own(member)
  local earlier = mine.watchers
  mine.watchers = given or watchers.new(member.record)
  return earlier
end

function part.tell_all(member)
  local mine = own(member)
  mine.watchers:forget()
  if member.was_serving and not mine.is_restored then
    mine.watchers:restored(parts.states(member).map, mine.told)
  end
end

parts.add("map", part)

return part
