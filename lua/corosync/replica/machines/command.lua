-- The bytes of a machine's commands: its name, a zero byte, a letter, and the command. The machine's codec encodes
-- commands that are tables.
local command = {}

local STRING = ("s"):byte()

function command.encode(self, value)
  if type(value) == "string" then
    return self.prefix .. "s" .. value
  end
  local text = self.methods.codec.encode(value)
  if type(text) ~= "string" then
    error(("encode returned a %s, but must return a string"):format(type(text)), 0)
  end
  return self.prefix .. "t" .. text
end

-- Returns the command in `data`. `self.body` is the position of the letter.
function command.decode(self, data)
  local rest = data:sub(self.body + 1)
  if data:byte(self.body) == STRING then
    return rest
  end
  return self.methods.codec.decode(rest)
end

return command
