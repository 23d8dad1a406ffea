-- `cpgrun map`: reads, changes and watches a map of a replica.
local json = require "cpgrun.json"
local load = require "cpgrun.commands.load"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"

local actions = {}

-- The result of a change.
local function outcome(options, result, message, code)
  if result == nil then
    return session.failed(message, code)
  elseif result ~= true then
    print(options.json and json.encode(result) or json.plain(result))
  end
  return 0
end

local function print_pair(options, key, value)
  print(options.json and json.encode { key = key, value = value } or ("%s\t%s"):format(key, json.plain(value)))
end

function actions.get(map, options, key)
  local value, message, code = map:get(key, { confirmed = true })
  if code then
    return session.failed(message, code)
  elseif value == nil then
    return session.NO
  end
  print(options.json and json.encode(value) or json.plain(value))
  return 0
end

function actions.set(map, options, key, value)
  return outcome(options, map:set(key, value, { ttl = options.ttl }))
end

function actions.replace(map, options, key, old, new)
  return outcome(options, map:replace(key, old, new, { ttl = options.ttl }))
end

function actions.delete(map, options, key)
  return outcome(options, map:delete(key))
end

function actions.increment(map, options, key, by)
  return outcome(options, map:increment(key, tonumber(by or 1), { ttl = options.ttl }))
end

function actions.list(map, options, prefix, self)
  local ok, message, code = self.app:barrier()
  if not ok then
    return session.failed(message, code)
  end
  for key, value in map:each(prefix) do
    print_pair(options, key, value)
  end
  return 0
end

local function print_change(options, key, new, old, index)
  if options.json then
    print(json.encode { key = key, value = new, old = old, index = index })
  elseif new == nil then
    print(("delete\t%s"):format(key))
  else
    print(("set\t%s\t%s"):format(key, json.plain(new)))
  end
end

function actions.watch(map, options, prefix, self)
  map:watch(prefix or "", function(...) print_change(options, ...) end, function(index)
    print(options.json and json.encode { restarted = index } or ("restarted\t%.0f"):format(index))
  end)
  self:wait_until(function() return false end, options.ends_after)
  return 0
end

function actions.load(map, options, entries, self)
  return load.set(self, map, entries, { ttl = options.ttl })
end

local function run(self, options, entries)
  local ok, status = self:join(options.replica, false, options.timeout)
  if not ok then
    return status
  end
  local words = options.words
  local action, map = actions[options.action], self.app:map(options.name)
  if options.action == "list" or options.action == "watch" or options.action == "load" then
    return action(map, options, entries or words[1], self)
  end
  return action(map, options, words[1], words[2], words[3])
end

return function(options, native)
  local entries, problem
  if options.action == "load" then
    entries, problem = load.read()
    if not entries then
      log.error("%s", problem)
      return session.FAILED
    end
  end
  return session.run(native, function(self) return run(self, options, entries) end)
end
