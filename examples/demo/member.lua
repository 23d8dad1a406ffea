-- The script on each node of the demo: sends numbered messages and prints each event on a line.
local uv = require "luv"

local sent = 0

local function names(addresses)
  local list = {}
  for i, address in ipairs(addresses) do
    list[i] = tostring(address)
  end
  return #list == 0 and "-" or table.concat(list, " ")
end

function config_change(members, left, joined)
  print(("config members %s left %s joined %s"):format(names(members), names(left), names(joined)))
end

function message_received(address, message)
  print(("message %s %s"):format(tostring(address), message))
end

function started()
  uv.new_timer():start(20, 20, function()
    sent = sent + 1
    assert(group:send_message(tostring(sent)))
  end)
end
