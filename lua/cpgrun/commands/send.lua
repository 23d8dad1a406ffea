-- `cpgrun send`: sends a message to a group, and waits for its place in the order.
local group = require "cpgrun.commands.group"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"

return function(options, native)
  local text = options.message == "-" and io.read "*a" or options.message -- outside the session, which handles signals
  return session.run(native, function(self)
    local own, is_there, is_member, status
    own, status = group.join(self, options, {
      config_change = function(_, _, joined)
        for _, address in ipairs(joined) do
          is_member = is_member or address == own:address()
        end
      end,
      message_received = function(address, message)
        is_there = is_there or address == own:address() and message == text
      end,
    })
    if not own then
      return status
    elseif not self:wait_until(function() return is_member end, options.timeout) then
      log.error("group '%s' was not joined within %g s", options.group, options.timeout)
      return session.TIMEOUT
    end
    local ok, message, code = own:send_message(text)
    if not ok then
      return session.failed(message, code)
    elseif not self:wait_until(function() return is_there end, options.timeout) then
      log.error("the message to group '%s' was sent, but did not come back within %g s", options.group, options.timeout)
      return session.UNCERTAIN
    end
    own:deactivate()
    return 0
  end)
end
