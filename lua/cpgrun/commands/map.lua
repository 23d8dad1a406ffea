-- `cpgrun map`
local json = require "cpgrun.json"
local session = require "cpgrun.commands.session"

local actions = {}

-- The result of a change.
local function outcome(chosen, result, message, code)
  if result == nil then
    return session.failed(message, code)
  elseif result ~= true then
    print(chosen.json and json.encode(result) or json.plain(result))
  end
  return 0
end

local function print_pair(chosen, key, value)
  print(chosen.json and json.encode { key = key, value = value } or ("%s\t%s"):format(key, json.plain(value)))
end

function actions.get(map, chosen, key)
  local value, message, code = map:get(key, { confirmed = true })
  if code then
    return session.failed(message, code)
  elseif value == nil then
    return session.NO
  end
  print(chosen.json and json.encode(value) or json.plain(value))
  return 0
end

function actions.set(map, chosen, key, value)
  return outcome(chosen, map:set(key, value, { ttl = chosen.ttl }))
end

function actions.replace(map, chosen, key, old, new)
  return outcome(chosen, map:replace(key, old, new, { ttl = chosen.ttl }))
end

function actions.delete(map, chosen, key)
  return outcome(chosen, map:delete(key))
end

function actions.increment(map, chosen, key, by)
  return outcome(chosen, map:increment(key, tonumber(by or 1), { ttl = chosen.ttl }))
end

function actions.list(map, chosen, prefix, self)
  local ok, message, code = self.app:barrier()
  if not ok then
    return session.failed(message, code)
  end
  for key, value in map:each(prefix) do
    print_pair(chosen, key, value)
  end
  return 0
end

local function print_change(chosen, key, new, old, index)
  if chosen.json then
    print(json.encode { key = key, value = new, old = old, index = index })
  elseif new == nil then
    print(("delete\t%s"):format(key))
  else
    print(("set\t%s\t%s"):format(key, json.plain(new)))
  end
end

function actions.watch(map, chosen, prefix, self)
  map:watch(prefix or "", function(...) print_change(chosen, ...) end, function(index)
    print(chosen.json and json.encode { restarted = index } or ("restarted\t%.0f"):format(index))
  end)
  self:wait_until(function() return false end, chosen.ends_after)
  return 0
end

return function(chosen, facts)
  return session.run(facts, function(self)
    local ok, status = self:join(chosen.replica, false, chosen.timeout)
    if not ok then
      return status
    end
    local words = chosen.words
    local action, map = actions[chosen.action], self.app:map(chosen.name)
    if chosen.action == "list" or chosen.action == "watch" then
      return action(map, chosen, words[1], self)
    end
    return action(map, chosen, words[1], words[2], words[3])
  end)
end
