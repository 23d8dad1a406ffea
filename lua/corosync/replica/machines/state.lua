-- Makes a machine's initial state, and copies of a state. A copy is a table, or the string that the script's `snapshot`
-- returns. All functions may raise, because they call the script's.
local errors = require "corosync.errors"
local plain = require "corosync.replica.machines.plain"

local state = {}

local COPIED_ENTRIES = 10000 -- entries of tables, at most
local DEEPEST = 2000 -- nested tables of a state that is checked

-- Returns why a state cannot be copied and sent; nil if it can.
function state.problem(self, value)
  if self.methods.snapshot then
    return value == nil and ("the state of machine %s is nil"):format(errors.quote(self.name)) or nil
  end
  local problem = type(value) ~= "table" and "it is a " .. type(value) or plain.check(value, DEEPEST, math.huge)
  return problem and ("the state of machine %s is not a plain table: %s"):format(errors.quote(self.name), problem)
end

function state.initial(self)
  local value = {}
  if self.methods.initial then
    value = self.methods.initial()
  end
  local problem = state.problem(self, value)
  if problem then
    errors.raise("%s", problem)
  end
  return self.methods.snapshot and value or plain.copy(value) -- `initial` may return the same table again
end

local function encoded(self, value)
  local text = self.methods.snapshot(value)
  if type(text) ~= "string" then
    error(("snapshot of machine %s returned a %s, but must return a string"):format(errors.quote(self.name),
      type(text)), 0)
  end
  return text
end

function state.copy(self, value)
  if self.methods.snapshot then
    return encoded(self, value)
  end
  return plain.copy(value)
end

-- Returns nil for a state that is too large to be copied at once.
function state.copy_small(self, value)
  if self.methods.snapshot then
    return encoded(self, value)
  end
  return plain.copy(value, COPIED_ENTRIES)
end

-- Returns the state that the script's `restore` makes.
function state.decoded(self, text)
  local value = self.methods.restore(text)
  if value == nil then
    error(("restore of machine %s returned nil, but must return the state"):format(errors.quote(self.name)), 0)
  end
  return value
end

-- Returns a state made from a copy, which does not change.
function state.of_copy(self, copy)
  if self.methods.snapshot then
    return state.decoded(self, copy)
  end
  return plain.copy(copy)
end

return state
