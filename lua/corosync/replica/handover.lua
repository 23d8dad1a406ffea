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

function handover.add(owner)
  registry.add(owner)
  count = count + 1
end

-- ---- one replica ----

local REGISTERED = { "has_functions", "leaders", "objects", "options" }

local function begin(owner)
  local kept = { machines = {}, requests = {}, early = #owner.early, every = owner.parts.every }
  for _, field in ipairs(REGISTERED) do
    kept[field] = owner[field]
  end
  kept.watchers = map.replace_watchers(owner)
  owner.has_functions, owner.leaders, owner.objects, owner.parts.every = nil, nil, {}, {}
  for _, entry in ipairs(entries.all(owner)) do
    kept.requests[entry] = entry.request
    entry.request, entry.is_inherited = nil, entry.held ~= nil
  end
  -- While the new script is loaded, it cannot wait, and its commands are kept until later.
  owner.runner, owner.handover = handover, kept
end

local function set_options(owner, options)
  owner.options, owner.record.handlers.error = options, options.error
end

local function rollback(owner)
  local kept = owner.handover
  owner.has_functions, owner.leaders, owner.objects = kept.has_functions, kept.leaders, kept.objects
  owner.parts.every = kept.every
  set_options(owner, kept.options)
  map.replace_watchers(owner, kept.watchers)
  for _, entry in ipairs(entries.all(owner)) do
    entry.request, entry.is_inherited = kept.requests[entry], nil
  end
  submitting.drop_early(owner, kept.early)
  owner.runner, owner.handover = nil, nil
end

-- Makes the machines that `commit` puts in place: those of both scripts, with the present states and the new script's
-- functions.
local function convert(owner)
  local kept = owner.handover
  kept.converted = {}
  for _, name in ipairs(owner.machines.names) do
    if name ~= parts.NAME then
      table.insert(kept.converted, owner.machines:converted(name, kept.machines[name], true))
    end
  end
  for name, methods in pairs(kept.machines) do
    if not owner.machines.by_name[name] then
      table.insert(kept.converted, owner.machines:converted(name, methods, true))
    end
  end
end

local function take_calls(owner, own)
  if own and owner.calls then
    own:continue(owner.calls)
  elseif owner.calls then
    owner.calls.functions = {}
  end
  owner.calls = own or owner.calls
end

local function commit(owner)
  local kept = owner.handover
  for _, each in ipairs(kept.converted) do
    owner.machines:replace(each)
  end
  take_calls(owner, kept.calls)
  owner.runner, owner.handover, owner.was_serving = nil, nil, false -- so that `ready` is called
  owner:turn(function()
    map.tell_all(owner)
    if owner.protocol then
      submitting.submit_early(owner)
      entries.follow_all(owner)
    end
  end)
end

local function release_inherited(owner)
  for _, entry in ipairs(entries.all(owner)) do
    if entry.is_inherited and entry.held then
      entries.lose(owner, entry, "reloaded")
      entries.follow(owner, entry)
    end
  end
end

-- ---- all replicas ----

function handover.begin()
  present, count = {}, 0
  for _, owner in pairs(registry.members()) do
    present[owner] = true
    begin(owner)
  end
end

-- Returns the earlier script's replica of a name, unless the new script has made it again already.
function handover.find(name)
  local owner = registry.last(name)
  return present and present[owner] and not owner.handover.is_adopted and owner or nil
end

local FIXED = { "copies", "loop", "observer", "patience", "storage" } -- options that cannot change

-- Returns true, or nil, message, code.
function handover.adopt(owner, options)
  for _, field in ipairs(FIXED) do
    if options[field] ~= owner.options[field] then
      return nil, ("cannot change the option '%s' of replica %s while it is open: restart the script"):format(field,
        errors.quote(owner.name)), "exist"
    end
  end
  owner.handover.is_adopted, count = true, count + 1
  set_options(owner, options)
  return true
end

function handover.prepare()
  for owner in pairs(present) do
    convert(owner)
  end
end

function handover.commit()
  local before = present
  present = nil
  for owner in pairs(before) do
    local is_adopted = owner.handover.is_adopted
    commit(owner)
    if not is_adopted then
      membership.give_up(owner)
    end
  end
end

function handover.finish()
  for _, owner in pairs(registry.members()) do -- a copy, because the script's functions may make replicas
    if not owner.is_closed then -- by the script's functions for another one's locks
      owner:turn(release_inherited)
    end
  end
end

-- Restores the earlier script, and closes replicas that only the new script has made.
function handover.rollback()
  local before = present
  present = nil
  for owner in pairs(before) do
    rollback(owner)
  end
  for _, owner in pairs(registry.members()) do
    if not before[owner] then
      membership.give_up(owner)
    end
  end
end

-- Whether the script has made a replica. While a new script is loaded, this is the new one.
function handover.has_replica()
  return count > 0
end

return handover
