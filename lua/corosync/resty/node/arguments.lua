-- Checks the arguments of `send` where a worker is no member itself. The errors read like the C half's, which count the
-- handle as the first argument.
local errors = require "corosync.errors"

local arguments = {}

local GUARANTEES = { agreed = true, fifo = true }

local function check_array(message)
  for i = 1, #message do
    if type(message[i]) ~= "string" then
      errors.raise("bad argument #2 to 'send' (message[%d] is a %s, and a string is expected)", i,
        type(message[i]))
    end
  end
  if #message == 0 and next(message) ~= nil then
    errors.raise("bad argument #2 to 'send' (message is a table without message[1], and a string or an array "
      .. "of strings is expected)")
  end
end

-- Raises an error for a wrong message or guarantee.
function arguments.check(message, guarantee)
  if type(message) == "table" then
    check_array(message)
  elseif type(message) ~= "string" and type(message) ~= "number" then
    errors.raise("bad argument #2 to 'send' (message is a %s, and a string or an array of strings is expected)",
      type(message))
  end
  if guarantee ~= nil and not GUARANTEES[guarantee] then
    errors.raise("bad argument #3 to 'send' (invalid option '%s': agreed or fifo expected)",
      tostring(guarantee))
  end
end

-- Returns the bytes of a message.
function arguments.length(message)
  if type(message) ~= "table" then
    return #tostring(message)
  end
  local sum = 0
  for _, each in ipairs(message) do
    sum = sum + #each
  end
  return sum
end

return arguments
