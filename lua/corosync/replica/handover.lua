-- Passes the replicas of this process from a script to the one that replaces it. While the new script is loaded, its
-- registrations are kept beside those of the present one, and no events are handled:
--   begin()             once, before it is loaded
--   prepare()           raises if the states cannot be passed on
--   commit()            the new script's machines, watchers, elections, ticks and calls take the place of the earlier
--                       ones; a replica that it has not made again is closed
--   finish()            releases the locks that the new script has not acquired
--   rollback()          or else: all is as before
-- A lock stays held from `begin` to `finish`. If the new script acquires it, it gets it with the same token.
local entries = require "corosync.replica.lock.entries"
local errors = require "corosync.errors"
local map = require "corosync.replica.map.part"
local membership = require "corosync.replica.member.membership"
local parts = require "corosync.replica.parts"
local registry = require "corosync.replica.registry"
local submitting = require "corosync.replica.member.submitting"

local handover = {}

local count = 0 -- replicas that the newest script has made or taken over
local present -- while a script is loaded: the set of the replicas that were there before

function handover.add(member)
  registry.add(member)
  count = count + 1
end

-- ---- one replica ----

local REGISTERED = { "has_functions", "leaders", "objects", "options" }

local function begin(member)
  local kept = { machines = {}, names = {}, requests = {}, early = #member.early, every = member.parts.every }
  for _, field in ipairs(REGISTERED) do
    kept[field] = member[field]
  end
  kept.watchers = map.replace_watchers(member)
  member.has_functions, member.leaders, member.objects, member.parts.every = nil, nil, {}, {}
  member.callers.has_reported = nil
  for _, entry in ipairs(entries.list_active(member)) do
    kept.requests[entry] = entry.request
    entry.request, entry.is_inherited = nil, entry.held ~= nil
  end
  -- While the new script is loaded, it cannot wait, and its commands are kept until later.
  member.runner, member.handover = handover, kept
end

local function set_options(member, options)
  member.options, member.record.handlers.error = options, options.error
end

local function rollback(member)
  local kept = member.handover
  member.has_functions, member.leaders, member.objects = kept.has_functions, kept.leaders, kept.objects
  member.parts.every = kept.every
  set_options(member, kept.options)
  map.replace_watchers(member, kept.watchers)
  for _, entry in ipairs(entries.list_active(member)) do
    entry.request, entry.is_inherited = kept.requests[entry], nil
  end
  submitting.drop_early(member, kept.early)
  member.runner, member.handover = nil, nil
end

-- Makes the machines that `commit` puts in place: those of both scripts, with the present states and the new script's
-- functions.
local function convert(member)
  local kept = member.handover
  kept.converted = {}
  for _, name in ipairs(kept.names) do -- the script's functions may define more
    table.insert(kept.converted, member.machines:converted(name, kept.machines[name], true))
  end
  for _, name in ipairs(member.machines.names) do
    if name ~= parts.NAME and not kept.machines[name] then
      table.insert(kept.converted, member.machines:converted(name, nil, true))
    end
  end
end

local function take_calls(member, own)
  if own and member.calls then
    own:continue(member.calls)
  elseif member.calls then
    member.calls.functions = {}
  end
  member.calls = own or member.calls
end

local function commit(member)
  local kept = member.handover
  for _, each in ipairs(kept.converted) do
    member.machines:replace(each)
  end
  take_calls(member, kept.calls)
  member.runner, member.handover, member.was_serving = nil, nil, false -- so that `ready` is called
  member:turn(function()
    map.tell_all(member)
    if member.protocol then
      submitting.submit_early(member)
      entries.follow_all(member)
    end
  end)
end

local function release_inherited(member)
  for _, entry in ipairs(entries.list_active(member)) do
    if entry.is_inherited and entry.held then
      entries.lose(member, entry, "reloaded")
      entries.follow(member, entry)
    end
  end
end

-- ---- all replicas ----

function handover.begin()
  present, count = {}, 0
  for _, member in pairs(registry.members()) do
    present[member] = true
    begin(member)
  end
end

-- Returns the earlier script's replica of a name, unless the new script has made it again already.
function handover.find(name)
  local member = registry.last(name)
  return present and present[member] and not member.handover.is_adopted and member or nil
end

local FIXED = { "copies", "loop", "observer", "patience", "storage" } -- options that cannot change

-- Returns true, or nil, message, code.
function handover.adopt(member, options)
  for _, field in ipairs(FIXED) do
    if options[field] ~= member.options[field] then
      return nil, ("cannot change the option '%s' of replica %s while it is open: restart the script"):format(field,
        errors.quote(member.name)), "exist"
    end
  end
  member.handover.is_adopted, count = true, count + 1
  set_options(member, options)
  return true
end

function handover.prepare()
  for member in pairs(present) do
    convert(member)
  end
end

function handover.commit()
  local before = present
  present = nil
  for member in pairs(before) do
    local is_adopted = member.handover.is_adopted
    commit(member)
    if not is_adopted then
      membership.give_up(member)
    end
  end
end

function handover.finish()
  for _, member in pairs(registry.members()) do -- a copy, because the script's functions may make replicas
    if not member.is_closed then -- by the script's functions for another one's locks
      member:turn(release_inherited)
    end
  end
end

-- Restores the earlier script, and closes replicas that only the new script has made.
function handover.rollback()
  local before = present
  present = nil
  for member in pairs(before) do
    rollback(member)
  end
  for _, member in pairs(registry.members()) do
    if not before[member] then
      membership.give_up(member)
    end
  end
end

-- Whether the script has made a replica. While a new script is loaded, this is the new one.
function handover.has_replica()
  return count > 0
end

return handover
