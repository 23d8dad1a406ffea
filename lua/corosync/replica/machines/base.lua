-- The *base* of a machine: an older state, with the commands *since*. (It is in memory, unlike the base of a storage.)
-- If `apply` raises, the state is rebuilt from them. The base does not change while it is sent to a learner, so writes
-- go on meanwhile.
--
-- A small state is copied now and then as the new base. Copying a large one would block the loop, so its base follows
-- by applying the oldest commands a second time.
--
-- The fields of a machine for this:
--   base       a copy of an older state (state.lua)
--   since      the commands applied since then: data, index, data, index, ...
--   first      the position in `since` of the first command that is not in the base yet
--   bytes      of the commands since
--   is_large   whether the state is too large to be copied, so that the base follows
--   tried_at   #since when a copy last failed
--   sent       how many snapshots read the base, which must not change then; nil for none
local applying = require "corosync.replica.machines.applying"
local collector = require "corosync.replica.machines.collector"
local command = require "corosync.replica.machines.command"
local error_text = require "corosync.error_text"
local script_calls = require "corosync.script_calls"
local state = require "corosync.replica.machines.state"

local base = {}

local COPIED_AFTER = 1000 -- commands
local KEPT_COMMANDS, KEPT_BYTES = 20000, 4000000 -- if more are kept, the base of a large state follows

-- Makes a copy of the state the base; the commands so far are no longer needed.
function base.keep(self, copy)
  self.base, self.is_large = copy, false
  self.since, self.first, self.bytes = {}, 1, 0
  self.tried_at = nil
end

function base.note_large(self)
  self.is_large = true
  collector.divide()
end

-- Adds the commands `from` to `to` of a list; the first of the list has the index `index` + 1.
function base.store(self, list, from, to, index)
  local since, bytes = self.since, 0
  local n = #since
  for i = from, to do
    local data = list[i]
    since[n + 1], since[n + 2] = data, index + i
    n, bytes = n + 2, bytes + #data
  end
  self.bytes = self.bytes + bytes
end

-- Applies commands that have all succeeded before.
function base.replay(self, value, list, first, last)
  for i = first, last, 2 do
    self.methods.apply(value, command.decode(self, list[i]), list[i + 1])
  end
  return value
end

-- Rebuilds the state from the base and the commands since, and returns it.
function base.rebuild(self)
  return base.replay(self, state.of_copy(self, self.base), self.since, self.first, #self.since)
end

-- Makes a new base, unless the state is too large to copy it at once. If the script's `snapshot` raises, the present
-- base is still good.
local function renew(self)
  local ok, copy = applying.pcall(state.copy_small, self, self.state)
  if not ok then
    self.problem = error_text(copy)
    self.tried_at = #self.since
  elseif copy then
    base.keep(self, copy)
  else
    base.note_large(self)
  end
end

-- A copy is due only after many commands, so that copying costs no more than they did.
local function is_copy_due(self, count)
  if self.is_large or count < COPIED_AFTER then
    return false
  end
  local is_worth_it = not self.methods.snapshot or 4 * self.bytes > #self.base
  local was_tried = self.tried_at and #self.since - self.tried_at < 2 * COPIED_AFTER
  return is_worth_it and not was_tried
end

-- Applies commands to the base, and forgets them.
local function follow(self, values)
  local list, first = self.since, self.first
  local last = math.min(first + values - 1, #list)
  base.replay(self, self.base, list, first, last)
  for i = first, last, 2 do
    self.bytes = self.bytes - #list[i]
    list[i], list[i + 1] = false, false
  end
  self.first = last + 1
  if self.first > #list / 2 then -- the part in front is no longer needed
    self.since = {}
    for i = self.first, #list do
      self.since[#self.since + 1] = list[i]
    end
    self.first = 1
  end
end

-- To be called after commands were applied. `added`: how many values were added to `since`, two for each command.
function base.renew_if_due(self, added)
  local count = (#self.since - self.first + 1) / 2
  if count < COPIED_AFTER and self.bytes <= KEPT_BYTES then
    return
  end
  if is_copy_due(self, count) then
    renew(self)
  elseif self.is_large and not self.sent and (count > KEPT_COMMANDS or self.bytes > KEPT_BYTES) then
    script_calls.without_limits(follow, self, 2 * added)
  end
end

-- Makes a new base before it is sent, if the state is small: a learner that had to apply commands again could get
-- another state if `apply` is not deterministic.
function base.renew_to_send(self)
  if self.methods and not self.is_large then
    renew(self)
  end
end

return base
