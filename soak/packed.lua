-- soak/member.lua with packed messages, of which some are longer than one of Corosync's can be.
pack = { limit = 8000000 }
require "member"

local EVERY = 300 -- messages
local SHORTEST, FILLING = 1200000, ("0123456789abcdef"):rep(300000)

local receive, send, count = message_received, group.send_message, 0

function message_received(address, message)
  if #message >= SHORTEST then
    local head = assert(message:match "^%d+:%d+ long %d+ ", "damaged")
    assert(message == head .. FILLING:sub(1, #message - #head), "damaged")
    message = ""
  end
  return receive(address, message)
end

function group:send_message(message)
  count = count + 1
  if count % EVERY == 0 then
    message = ("%s long %d "):format(tostring(self:address()), count)
      .. FILLING:sub(1, math.random(SHORTEST, #FILLING))
  end
  return send(self, message)
end
