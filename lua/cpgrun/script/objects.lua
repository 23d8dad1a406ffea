-- The globals map, lock, leader, every and calls: methods of a replica with the group's name. The replica is made when
-- one of them is first called, because it costs a connection and memory.
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local script = require "cpgrun.script"
local script_calls = require "corosync.script_calls"

local objects = {}

local METHODS = { "map", "lock", "leader", "every", "calls" }

local app
local earlier -- that of the script that is being replaced

-- `options`: of the command line.
local function make(options)
  local name, message = script.name(options.script, options.group)
  if name then
    app, message = script_calls.require "corosync.replica"(name, { error = log.raised })
  end
  if not app then
    error(message, 0)
  end
  objects.name = name
end

local function global(method, options)
  return function(...)
    if not app then
      make(options)
    end
    return app[method](app, ...)
  end
end

-- Sets the globals, which the script may replace.
function objects.define(options)
  for _, method in ipairs(METHODS) do
    rawset(_G, method, global(method, options))
  end
end

-- For a script that is loaded in place of another: it makes the replica anew, which is the same one.
function objects.forget()
  earlier, app = app, nil
end

-- That script could not be loaded.
function objects.restore()
  app = earlier
end

-- A replica keeps its name.
function objects.warn_of_late_name(name)
  if objects.name and objects.name ~= name then
    log.warning("the global 'group_name' was set after the replica of group %s had been made, which keeps its name: "
      .. "set it before the script uses %s", errors.quote(objects.name), table.concat(METHODS, ", "))
  end
end

-- Leaves the replica, so that its locks pass on at once.
function objects.close()
  if app then
    local ok, message = app:close()
    if not ok then
      log.error(message)
    end
  end
end

return objects
