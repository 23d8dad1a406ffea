-- A number that depends on every byte of a text: it finds flipped bits, and what was stored under another number.
local byte = string.byte

-- The modulus is a prime small enough that products of doubles are exact.
local FACTOR, MODULUS = 1000003, 2147483647

return function(seed, text)
  local hash = (seed * FACTOR + #text) % MODULUS
  local whole = #text - #text % 4
  for i = 1, whole, 4 do
    local a, b, c, d = byte(text, i, i + 3)
    hash = (hash * FACTOR + a + b * 0x100 + c * 0x10000 + d * 0x1000000) % MODULUS
  end
  for i = whole + 1, #text do
    hash = (hash * FACTOR + byte(text, i)) % MODULUS
  end
  return hash
end
