-- `cpgrun map ... load`: reads what `cpgrun map --json ... list` has printed, and sets these keys.
local arguments = require "corosync.replica.map.arguments"
local json = require "cpgrun.json"
local session = require "cpgrun.commands.session"

local load = {}

local MOST = 1000 -- changes under way

-- Raises for what Map:set would refuse.
local function check(entry)
  arguments.key(entry.key, "set")
  arguments.value(entry.value, 2, "value", "set")
end

local function entry_of(line)
  local entry, problem = json.decode(line)
  if type(entry) ~= "table" then
    return nil, problem or "not an object"
  elseif type(entry.key) ~= "string" or entry.value == nil then
    return nil, "a key or value is missing"
  end
  local ok
  ok, problem = pcall(check, entry)
  return ok and entry, problem
end

-- Returns the keys and values from standard input; or nil and a message, so that a damaged file changes nothing.
function load.read()
  local entries = {}
  for line in io.lines() do
    local entry, problem = entry_of(line)
    if not entry then
      return nil, ([[line %d of standard input is not like {"key":"tea","value":3}, as 'cpgrun map --json ... list' ]]
        .. "prints: %s; nothing was changed"):format(#entries + 1, problem)
    end
    entries[#entries + 1] = entry
  end
  return entries
end

-- Returns the exit status. Nothing more is set after a failure.
function load.set(self, map, entries, options)
  local under_way, done, failure, code = 0, 0, nil, nil
  local function outcome(ok, message, why)
    under_way, done = under_way - 1, done + (ok and 1 or 0)
    if not ok and not failure then
      failure, code = message, why
    end
  end
  for _, entry in ipairs(entries) do
    if under_way == MOST then
      self:wait_until(function() return under_way < MOST end)
    end
    if failure then
      break
    end
    under_way = under_way + 1
    local ok, message, why = map:set(entry.key, entry.value, options, outcome)
    if not ok then
      outcome(nil, message, why) -- the call itself has failed, so set does not call this
    end
  end
  self:wait_until(function() return under_way == 0 end)
  if failure then
    return session.failed(("%s; %d of %d keys were set: load them again"):format(failure, done, #entries), code)
  end
  return 0
end

return load
