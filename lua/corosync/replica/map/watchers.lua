-- Functions of the script that are called for each change of a map. A watcher keeps the values that it has reported, so
-- after the state was replaced it reports exactly the differences.
local handlers = require "corosync.group.handlers"
local list = require "corosync.list"
local plain = require "corosync.replica.machines.plain"
local same = require("corosync.replica.map.state").equal

local watchers = {}

local Watchers = {}
Watchers.__index = Watchers

-- `record`: the member's, for errors in the script's functions.
function watchers.new(record)
  return setmetatable({ record = record, by_name = {} }, Watchers)
end

local function has_prefix(key, prefix)
  return key:sub(1, #prefix) == prefix
end

-- Returns the values of the keys with a prefix.
local function select_from(maps, name, prefix)
  local found = {}
  for key, value in pairs(maps[name] and maps[name].values or {}) do
    if has_prefix(key, prefix) then
      found[key] = value
    end
  end
  return found
end

-- Adds a watcher. `index`: of the last command in this state. Returns a function that ends the watch.
function Watchers:add(maps, index, name, prefix, changed, restarted)
  local watcher = { prefix = prefix, changed = changed, restarted = restarted, index = index }
  watcher.seen = select_from(maps, name, prefix)
  self.by_name[name] = list.append(list.copy(self.by_name[name] or {}), { watcher })
  return function()
    watcher.is_over = true
    local left = {}
    for _, each in ipairs(self.by_name[name] or {}) do
      left[#left + 1] = each ~= watcher and each or nil
    end
    self.by_name[name] = #left > 0 and left or nil
  end
end

local function call(self, watcher, f, ...)
  if f and not watcher.is_over then
    handlers.call(self.record, f, ...)
  end
end

-- The script gets copies, so that it cannot change the map's values.
local function tell(self, watcher, key, new, at)
  local old = watcher.seen[key]
  if new == nil and old == nil then
    return
  end
  watcher.seen[key] = new
  call(self, watcher, watcher.changed, key, plain.copy(new), plain.copy(old), at)
end

-- A command that was already in the state when the watcher began is not reported.
function Watchers:changed(name, key, new, at)
  for _, watcher in ipairs(self.by_name[name] or {}) do
    if at > (watcher.index or -1) and has_prefix(key, watcher.prefix) then
      tell(self, watcher, key, new, at)
    end
  end
end

local function differing_keys(before, after)
  local keys = {}
  for key, value in pairs(after) do
    if not same(value, before[key]) then
      keys[#keys + 1] = key
    end
  end
  for key in pairs(before) do
    if after[key] == nil then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys)
  return keys
end

-- A watcher that began with this very state has missed nothing, so it is skipped.
local function begin_anew(self, watcher, after, index)
  local keys = differing_keys(watcher.seen, after)
  if index ~= watcher.index or #keys > 0 then
    call(self, watcher, watcher.restarted, index)
  end
  watcher.index = index
  for _, key in ipairs(keys) do
    tell(self, watcher, key, after[key], index)
  end
end

-- Makes the next report one of the whole state.
function Watchers:forget()
  for _, those in pairs(self.by_name) do
    for _, watcher in ipairs(those) do
      watcher.seen, watcher.index = {}, nil
    end
  end
end

-- The state was replaced; the last command in it is that of `index`.
function Watchers:restored(maps, index)
  local all = {} -- a copy, because watchers may add others, even of other maps
  for name, those in pairs(self.by_name) do
    all[#all + 1] = { name = name, watchers = those }
  end
  for _, each in ipairs(all) do
    for _, watcher in ipairs(each.watchers) do
      begin_anew(self, watcher, select_from(maps, each.name, watcher.prefix), index)
    end
  end
end

return watchers
