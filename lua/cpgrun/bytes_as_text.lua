-- Bytes as text: valid UTF-8 stays, other bytes become \ddd.

local TAIL = "[\128-\191]"
local SEQUENCES = {
  "^[\194-\223]" .. TAIL,
  "^\224[\160-\191]" .. TAIL, "^[\225-\236\238\239]" .. TAIL .. TAIL, "^\237[\128-\159]" .. TAIL,
  "^\240[\144-\191]" .. TAIL .. TAIL, "^[\241-\243]" .. TAIL .. TAIL .. TAIL, "^\244[\128-\143]" .. TAIL .. TAIL,
}

local function sequence_at(bytes, i)
  for _, pattern in ipairs(SEQUENCES) do
    local sequence = bytes:match(pattern, i)
    if sequence then
      return sequence
    end
  end
end

local function repair(bytes)
  local parts, i = {}, 1
  while i <= #bytes do
    local sequence = sequence_at(bytes, i)
    parts[#parts + 1] = sequence or ("\\%03d"):format(bytes:byte(i))
    i = i + #(sequence or "x")
  end
  return table.concat(parts)
end

return function(bytes)
  return (bytes:gsub("[\128-\255]+", repair))
end
