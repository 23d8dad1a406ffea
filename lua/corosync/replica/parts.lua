-- The ready-made objects of a replica: maps, locks and those built on them. They share one machine, so that a command
-- can use several of them. For instance, a map checks who holds a lock.
--
-- A command is an array: the part's name, and the part's own values. A part is a table with
--   initial()                                    returns its initial state
--   apply(all, command, at)                      `all`: the parts' states by name
--   changed(member, all, command, result, at)     optional: called on each member after apply
--   restored(member, all)                         optional: called when the states were replaced
--   maintain(member, all)                         optional: called on each member that has the state, when members have
--                                                come, gone or been excluded, and a few times a second; may submit
--   tick(member)                                  optional: called a few times a second on every member
--   left(member, reason)                          optional: called when the member leaves its group: "closed",
--                                                "disconnected", "rejoined", "storage"
-- `member`: of member.lua. A part keeps what it needs there in member.parts[name].
local machines = require "corosync.replica.machines"
local waiting = require "corosync.replica.waiting"

local NAME = "corosync" -- of the machine

local parts = { NAME = NAME }

local PARTS = {}

-- Adds a part. To be called before the first member is made.
function parts.add(name, part)
  PARTS[name] = part
end

local function initial()
  local all = {}
  for name, part in pairs(PARTS) do
    all[name] = part.initial()
  end
  return all
end

local function apply(all, command, at)
  return PARTS[command[1]].apply(all, command, at)
end

local function changed(member, all, command, result, at)
  local part = PARTS[command[1]]
  if part.changed then
    part.changed(member, all, command, result, at)
  end
end

local function restored(member, all)
  for _, part in pairs(PARTS) do
    if part.restored then
      part.restored(member, all)
    end
  end
end

-- Defines the machine of a new member.
function parts.define(member)
  member.parts = {}
  for name in pairs(PARTS) do
    member.parts[name] = {}
  end
  member.machines:define(NAME, {
    initial = initial,
    apply = apply,
    changed = function(...) changed(member, ...) end,
    restored = function(...) restored(member, ...) end,
  })
end

-- Returns the parts' states on this member.
function parts.states(member)
  return member.machines.by_name[NAME].state
end

local function call_all(member, name, ...)
  for _, part in pairs(PARTS) do
    if part[name] then
      part[name](member, ...)
    end
  end
end

function parts.maintain(member)
  call_all(member, "maintain", parts.states(member))
end

function parts.tick(member)
  call_all(member, "tick")
end

function parts.left(member, reason)
  call_all(member, "left", reason)
end

-- Returns the index of the last command in the states; 0 for none.
function parts.index(member)
  return member.machines.by_name[NAME].chain.last or 0
end

-- Submits a command, a table of plain values, as Machine:submit does: without `callback` it waits. `is_own`: it is the
-- part's own command, not one of the script.
function parts.submit(member, what, command, callback, is_own)
  return waiting.submit(member, what, member.machines.by_name[NAME]:encode(command), callback, is_own)
end

-- Waits for all commands that were confirmed anywhere before, as Replica:barrier does.
function parts.barrier(member, what, callback, is_own)
  return waiting.submit(member, what, machines.NOTHING, callback, is_own)
end

return parts
