-- A register on a plain group. Reads and writes are messages, so all members apply them in one order, and each ends
-- when its sender receives it. A member knows the value once it has received a write.
--
-- The script records its operations, and
--
--   cpgrun check --nodes 3 examples/register.lua
--
-- checks whether they are linearizable. They are not: while the network is split, each part has its own value.
local history = require "corosync.history"
local uv = require "luv"

local PAUSE = 100 -- milliseconds

local value -- nil while it is not known
local count, waiting = 0, {} -- by number: this member's operations that have not ended

local function call(name, argument)
  count = count + 1
  local operation = history.operation(group, { object = "register", call = { name, argument }, read = name == "read" })
  local ok, _, code = group:send_message(("%d %s %s"):format(count, name, argument or ""))
  if ok then
    waiting[count] = operation
  else
    operation:failed(code)
  end
end

local function finish(operation, name)
  if name == "write" then
    operation:ok()
  elseif value then
    operation:ok(value)
  else
    operation:failed "no_value"
  end
end

function message_received(address, message)
  local number, name, argument = message:match "^(%d+) (%a+) (%S*)$"
  number = tonumber(number)
  if name == "write" then
    value = argument
  end
  if address == group:address() and waiting[number] then
    finish(waiting[number], name)
    waiting[number] = nil
  end
end

-- Others may have written since.
function disconnected()
  value = nil
  for _, operation in pairs(waiting) do
    operation:unknown "disconnected"
  end
  waiting = {}
end

function started()
  uv.new_timer():start(PAUSE, PAUSE, function()
    call "read"
    if math.random(4) == 1 then
      call("write", ("%d.%d"):format(group:address().node, count))
    end
  end)
end
