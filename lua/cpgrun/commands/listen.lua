-- `cpgrun listen`: prints the messages of a group.
local group = require "cpgrun.commands.group"
local json = require "cpgrun.json"
local session = require "cpgrun.commands.session"

local function print_message(chosen, address, message)
  if chosen.json then
    print(json.encode { node = address.node, pid = address.pid, message = message })
  else
    print(("%s\t%s"):format(tostring(address), message))
  end
end

return function(chosen, facts)
  return session.run(facts, function(self)
    local count = 0
    local own, status = group.join(self, chosen, {
      config_change = function() end,
      message_received = function(address, message)
        if count ~= chosen.count then
          print_message(chosen, address, message)
          count = count + 1
        end
      end,
    })
    if not own then
      return status
    end
    self:wait_until(function() return count == chosen.count end, chosen.timeout)
    own:deactivate()
    return chosen.count and count < chosen.count and session.TIMEOUT or 0
  end)
end
