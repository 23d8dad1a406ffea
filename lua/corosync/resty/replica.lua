-- A replica in nginx: its group's light thread handles events and calls the script's functions; requests wait for
-- results by semaphores.
local errors = require "corosync.errors"
local handlers = require "corosync.group.handlers"
local members = require "corosync.replica.member"
local reload = require "corosync.resty.reload"
local replica = require "corosync.replica"
local semaphore = require "ngx.semaphore"
local waiting = require "corosync.resty.waiting"

local HANDOVER = 10 -- seconds that an exiting worker keeps the state until another one has it
local GRACE = 1 -- second: a result may come late, if the light thread waits in a function of the script

local LATE = "no result came in time, because a function of the script holds up the replica's light thread: the "
  .. "command may have been applied, or may be applied later"

local GROUP_OPTIONS = { directory = true, poll = true }
local REFUSED = { loop = true, storage = true }

-- Splits the options into those of the replica and those of its group.
local function split(options)
  local own, of_group = {}, {}
  for field, value in pairs(options) do
    if REFUSED[field] then
      errors.raise("bad argument #2 'options' to 'replica' (field '%s': it cannot be used in nginx)", field)
    end
    (GROUP_OPTIONS[field] and of_group or own)[field] = value
  end
  return own, of_group
end

local function waiter(member)
  return function(taker, start, refuse, seconds)
    if member:runs_in(coroutine.running()) then
      return { refuse() }
    elseif not waiting.is_allowed() then
      return { refuse("wrong_phase", ("nothing can wait in the phase '%s': pass a callback"):format(ngx.get_phase())) }
    end
    local own, is_waiting = semaphore.new(), false
    local outcome, tell = taker(function() own:post() end)
    start(tell, function() return not is_waiting or own:count() < 0 end) -- nginx may have ended the light thread
    is_waiting = true
    local deadline = member.now() + seconds + GRACE
    while not outcome.n and member.now() < deadline do
      own:wait(math.min(math.max(deadline - member.now(), 0), waiting.DAY)) -- the clock goes on between the two calls
    end
    return outcome.n and outcome or { refuse("uncertain", LATE) }
  end
end

-- Calls functions in light threads of the group's timer, because its own light thread must not wait for them. A light
-- thread of a request would end with it, so the group's light thread starts those that requests ask for.
local function spawner(member)
  local asked = {}
  local function run(f, ...)
    handlers.call(member.record, f, ...)
  end
  function member.start_spawned()
    while asked[1] do
      local call = table.remove(asked, 1)
      ngx.thread.spawn(run, unpack(call, 1, call.n))
    end
  end
  return function(f, ...)
    if ngx.get_phase() == "timer" then
      ngx.thread.spawn(run, f, ...)
    else
      asked[#asked + 1] = { n = select("#", ...) + 1, f, ... }
      member.nudge()
    end
  end
end

-- Whether the node can do without an exiting worker's state: a worker that stays has it, or none does.
local function may_leave(member)
  member.leave_by = member.leave_by or member.now() + HANDOVER
  local must_stay = member:has_state() and member.now() < member.leave_by
  local pids = must_stay and reload.pids() or {}
  for _, pid in ipairs(pids) do
    if member:is_full(pid) then
      return true
    end
  end
  return #pids == 0
end

local function start(member)
  local record = member.record
  record.hooks.may_leave = function() return may_leave(member) end
  member.wait, member.spawn = waiter(member), spawner(member)
  member.nudge = function() waiting.nudge(record) end
  record.member, record.longest_nap = member, members.TICK
  return true
end

-- `group`: corosync.resty's function of that name.
return function(name, options, group)
  if options ~= nil and type(options) ~= "table" then
    errors.raise("bad argument #2 'options' to 'replica' (table expected, got %s)", type(options))
  end
  local own, of_group = split(options or {})
  of_group.per = "worker"
  return replica.new_of_kind(name, own, {
    new_group = function(group_name, group_handlers) return group(group_name, group_handlers, of_group) end,
    start = start,
  })
end
