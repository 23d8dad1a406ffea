-- Computes when the ticks of `Replica:every` are due. All members must get the same numbers of ticks, so the numbers
-- depend on the clock alone. every/part.lua runs the ticks.
local errors = require "corosync.errors"
local part = require "corosync.replica.every.part"
local parts = require "corosync.replica.parts"
local suggest = require "corosync.suggest"

parts.add("every", part)

local every = {}

local FIELDS = { at = true }
local LEAST = 1 -- second: due ticks are checked a few times a second

-- Returns the number of days from 1970-01-01 to a date.
local function days(date)
  local year = date.month <= 2 and date.year - 1 or date.year
  local of_year = math.floor((153 * ((date.month + 9) % 12) + 2) / 5) + date.day
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400) + of_year - 719469
end

local function by_period(seconds)
  return function(time) return math.floor(time / seconds) end
end

local function by_day(minutes)
  return function(time)
    local date = os.date("*t", time)
    return days(date) - (date.hour * 60 + date.min < minutes and 1 or 0)
  end
end

local function refuse(problem, ...)
  errors.raise("bad argument #2 'spec' to 'every' (" .. problem .. ")", ...)
end

-- Returns the minute of the day for "HH:MM".
local function minutes_of(spec)
  for field in pairs(spec) do
    if not FIELDS[field] then
      refuse("%s", suggest.unknown_field(FIELDS, field))
    end
  end
  local hours, minutes = tostring(spec.at):match "^(%d%d):(%d%d)$"
  if not hours or tonumber(hours) > 23 or tonumber(minutes) > 59 then
    refuse("field 'at': a time as \"02:30\" expected, got %s", tostring(spec.at))
  end
  return tonumber(hours) * 60 + tonumber(minutes)
end

-- Returns the function that computes a tick's number from a time, and the name of this schedule.
function every.schedule(spec)
  if type(spec) == "table" then
    return by_day(minutes_of(spec)), "at"
  elseif type(spec) ~= "number" then
    refuse("number or table expected, got %s", type(spec))
  elseif not (spec >= LEAST and spec < math.huge) then
    refuse("at least %d second expected, got %g", LEAST, spec)
  end
  return by_period(spec), ("%.17g"):format(spec)
end

-- Adds a task. Its key contains the schedule, because numbers of another schedule have another meaning.
function every.add(member, name, spec, f)
  local number_of, kind = every.schedule(spec)
  local key = name .. "\0" .. kind
  if member.parts.every[key] then
    errors.raise("bad argument #1 'name' to 'every' (task '%s' exists already)", name)
  elseif type(f) ~= "function" then
    errors.raise("bad argument #3 'f' to 'every' (function expected, got %s)", type(f))
  end
  part.add(member, { key = key, name = name, number_of = number_of, run = f,
    spec = type(spec) == "table" and spec.at or spec })
end

return every
