-- Addresses of members as texts, "node:pid".
local addresses = {}

local known_texts = setmetatable({}, { __mode = "k" }) -- by address: the binding has one table for each

function addresses.text(address)
  local known = known_texts[address]
  if not known then
    known = tostring(address)
    known_texts[address] = known
  end
  return known
end

function addresses.texts(list)
  local found = {}
  for i, address in ipairs(list) do
    found[i] = addresses.text(address)
  end
  return found
end

-- Whether a list has the address with that text.
function addresses.include(list, own)
  for _, address in ipairs(list) do
    if addresses.text(address) == own then
      return true
    end
  end
  return false
end

-- Whether any address in a list of changes has that reason.
function addresses.have_reason(list, reason)
  for _, address in ipairs(list) do
    if address.reason == reason then
      return true
    end
  end
  return false
end

return addresses
