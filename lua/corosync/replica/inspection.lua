-- Describes a member of a replica and its maps, locks and tasks, for people and monitoring. Sends nothing.
local entries = require "corosync.replica.lock.entries"
local lock_state = require "corosync.replica.lock.state"
local parts = require "corosync.replica.parts"
local status = require "corosync.replica.member.status"
local tick = require "corosync.replica.every.part"

local inspection = {}

local MOST = 100 -- maps, and as many locks

local function addresses_of(member, set)
  local found = {}
  for _, address in ipairs(member.members or {}) do
    if set[tostring(address)] then
      found[#found + 1] = address
    end
  end
  return found
end

-- Returns what Replica:status returns.
function inspection.status(member)
  local state, why = member:state()
  local protocol = member.protocol
  local active = protocol and protocol.active
  return state, active and active.tag or nil, protocol and protocol.log and protocol.log.applied or nil,
    addresses_of(member, active and active.full or {}), addresses_of(member, active and active.learners or {}), why
end

local function by_name(one, other)
  return one.name < other.name
end

-- ---- locks ----

local ELECTION = "^leader/(.+)$"

local function describe_lock(member, all, name)
  local lock, entry = all.lock[name], entries.of(member).active[name]
  local holder = lock and lock.holder
  return {
    name = name,
    holder = holder and lock_state.address_of(holder),
    token = lock and lock.token,
    since = lock and lock.since,
    waiting = lock and #lock.waiters or 0,
    held = entry ~= nil and entry.held ~= nil,
    wanted = entry ~= nil and entry.request ~= nil,
  }
end

-- Returns the names of at most MOST locks, first those that this process uses, and how many locks are held.
local function lock_names(member, all)
  local names, count, is_listed = {}, 0, {}
  local function add(name)
    if #names < MOST and not is_listed[name] then
      names[#names + 1], is_listed[name] = name, true
    end
  end
  for name in pairs(entries.of(member).active) do
    add(name)
  end
  for name in pairs(all.lock) do
    count = count + 1
    add(name)
  end
  return names, count
end

-- Returns the locks, the elections by their own names, and how many of both are held.
local function locks(member, all)
  local plain, elections = {}, {}
  local names, count = lock_names(member, all)
  for _, name in ipairs(names) do
    local each, election = describe_lock(member, all, name), name:match(ELECTION)
    each.name = election or name
    table.insert(election and elections or plain, each)
  end
  table.sort(plain, by_name)
  table.sort(elections, by_name)
  return plain, elections, count
end

-- ---- maps, tasks ----

local function maps(all)
  local found, count = {}, 0
  for name, map in pairs(all.map) do
    count = count + 1
    if count <= MOST then
      found[count] = { name = name, keys = map.count }
    end
  end
  table.sort(found, by_name)
  return found, count
end

local function tasks(member, all)
  local found = {}
  for _, task in pairs(member.parts.every) do
    found[#found + 1] = { name = task.name, every = task.spec, last = tick.last(all, task) }
  end
  table.sort(found, by_name)
  return found
end

-- ---- the member ----

-- Returns the description. The addresses in `full` and `learners` are objects of the group.
function inspection.describe(member)
  local all = parts.states(member)
  local state, generation, index, full, learners, why = inspection.status(member)
  local found = { name = member.name, state = state, serving = status.serves(state), generation = generation,
    index = index, full = full, learners = learners, why = why, waiting = member.callers.count }
  found.locks, found.elections, found.lock_count = locks(member, all)
  found.maps, found.map_count = maps(all)
  found.tasks = tasks(member, all)
  return found
end

return inspection
