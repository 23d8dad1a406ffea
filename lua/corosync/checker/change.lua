-- A change of membership: one event `config` of a history.
local list = require "corosync.list"

local change = {}

local function split(text)
  local items = {}
  if text ~= "-" then
    for item in text:gmatch "[^,]+" do
      items[#items + 1] = item
    end
  end
  return items
end

-- Returns the addresses, and their reasons by address.
local function split_reasons(text)
  local addresses, reasons = {}, {}
  for i, item in ipairs(split(text)) do
    local address, reason = item:match "^(.-)=(.*)$"
    addresses[i], reasons[address] = address, reason
  end
  return addresses, reasons
end

--- Returns `own`, the address of the member that it was delivered to; `members`, `left` and `joined`, arrays of
-- addresses; `left_for` and `joined_for`, their reasons by address; whether the member itself joins, and whether nodes
-- went down or came up.
function change.of(event)
  local it = { own = event[2], line = event.line, members = split(event[3]) }
  it.left, it.left_for = split_reasons(event[4])
  it.joined, it.joined_for = split_reasons(event[5])
  it.is_own_join = it.joined_for[it.own] ~= nil
  it.is_nodedown, it.is_nodeup = event[4]:find "=nodedown" ~= nil, event[5]:find "=nodeup" ~= nil
  return it
end

--- Returns addresses as text, in an order that is the same for all members.
function change.sorted(addresses)
  local copy = list.copy(addresses)
  table.sort(copy)
  return table.concat(copy, ",")
end

return change
