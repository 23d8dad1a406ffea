-- The bytes of a machine's commands: its name, a zero byte, a letter for the kind of command, and the command. The
-- machine's codec encodes commands that are tables.
local core = require "corosync.binding"

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

-- Returns the name of the machine that a command in `data` is for, and all bytes before the command itself; or nil if
-- it is for none.
function command.address(data)
  local stop = data:find("\0", 1, true)
  if stop and stop > 1 then
    return data:sub(1, stop - 1), data:sub(1, stop + 1)
  end
end

-- Commands that follow each other in a list and have the same prefix are a *run*. Returns the one that begins at
-- `from`. Its commands have the same positions as in the list.
function command.run(list, from, prefix)
  local commands, last = core.strip_prefix(list, from, prefix)
  return { list = list, commands = commands, last = last, is_encoded = prefix:byte(-1) ~= STRING }
end

return command
