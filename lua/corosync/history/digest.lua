-- A message's digest: its length, and a hash of its first, its last, and some bytes between.

local PART = 64 -- bytes of each of the three

-- The factor is a prime larger than a byte, so that short messages never have the same digest; the modulus is a prime
-- small enough that products of doubles are exact.
local FACTOR, MODULUS = 1000003, 2147483647

local function add(hash, message, from, to, step)
  for i = from, to, step do
    hash = (hash * FACTOR + message:byte(i)) % MODULUS
  end
  return hash
end

return function(message)
  local length = #message
  local hash
  if length <= 3 * PART then
    hash = add(0, message, 1, length, 1)
  else
    hash = add(0, message, 1, PART, 1)
    hash = add(hash, message, PART + 1, length - PART, math.ceil((length - 2 * PART) / PART))
    hash = add(hash, message, length - PART + 1, length, 1)
  end
  return ("%d:%08x"):format(length, hash)
end
