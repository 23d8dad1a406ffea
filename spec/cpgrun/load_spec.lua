local load = require "cpgrun.commands.load"
local log = require "cpgrun.log"

describe("cpgrun map ... load", function()
  local ENTRIES = { { key = "a", value = 1 }, { key = "b", value = 2 }, { key = "c", value = 3 } }
  local session = { wait_until = function(_, condition) return condition() end }

  -- Returns the exit status, the message, and the number of calls of `set`.
  local function outcome(set)
    local logged, calls, log_error = nil, 0, log.error
    log.error = function(_, message) logged = message end
    local status = load.set(session, { set = function(_, key, _, _, callback)
      calls = calls + 1
      return set(key, callback)
    end }, ENTRIES, {})
    log.error = log_error
    return status, logged, calls
  end

  it("stops at a change that fails at once", function()
    assert.same({ 125, "no Corosync; 1 of 3 keys were set: load them again", 2 }, { outcome(function(key, callback)
      if key ~= "a" then
        return nil, "no Corosync", "not_connected"
      end
      callback(true)
      return true
    end) })
  end)

  it("stops at a change that fails later, with its exit status", function()
    assert.same({ 3, "perhaps; 1 of 3 keys were set: load them again", 2 }, { outcome(function(key, callback)
      callback(key == "a" or nil, "perhaps", "uncertain")
      return true
    end) })
  end)
end)
