-- `cpgrun listen`: prints the messages of a group.
local group = require "cpgrun.commands.group"
local json = require "cpgrun.json"
local session = require "cpgrun.commands.session"

local function print_message(options, address, message)
  if options.json then
    print(json.encode { node = address.node, pid = address.pid, message = message })
  else
    print(("%s\t%s"):format(tostring(address), message))
  end
end

return function(options, native)
  return session.run(native, function(self)
    local count = 0
    local own, status = group.join(self, options, {
      config_change = function() end,
      message_received = function(address, message)
        if count ~= options.count then
          print_message(options, address, message)
          count = count + 1
        end
      end,
    })
    if not own then
      return status
    end
    self:wait_until(function() return count == options.count end, options.timeout)
    own:deactivate()
    return options.count and count < options.count and session.TIMEOUT or 0
  end)
end
