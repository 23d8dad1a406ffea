-- Maps whose keys are deleted after each spec, and recorders of their changes.
local assert = require "luassert"
local cmap = require "corosync.cmap"
local handles = require "spec.helpers.handles"

local PREFIX = "spec.cmap."
local key_count = 0

local function open(name, given)
  return handles.keep(assert(cmap.open(name, given)))
end

-- No two specs share a key.
local function new_key()
  key_count = key_count + 1
  return PREFIX .. key_count
end

local function cmapctl(arguments)
  local ok = os.execute("corosync-cmapctl " .. arguments)
  assert.is_true(ok == true or ok == 0, arguments)
end

-- A map and the events of its trackers; track(name) adds a tracker that records under a label.
local function recorder(name)
  local record, errors = {}, {}
  local map = open(name, { error = function(message) errors[#errors + 1] = message end })
  local function track(tracked, label)
    return assert(map:track(tracked, function(...)
      local event, key, new, old, new_type, old_type = ...
      record[#record + 1] = { label = label, event = event, key = key, new = new, old = old, new_type = new_type,
        old_type = old_type, count = select("#", ...) }
    end))
  end
  return map, record, track, errors
end

local function clean()
  handles.close_all()
  local map = open()
  for key in assert(map:each "spec.") do
    assert(map:delete(key))
  end
  handles.close_all()
end

return {
  clean = clean,
  open = open,
  new_key = new_key,
  cmapctl = cmapctl,
  recorder = recorder,
}
