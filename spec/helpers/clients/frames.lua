-- A member of a group that does not pack, as a program of its own: prints what comes on the wire, and sends any bytes.
--
--   lua spec/helpers/clients/frames.lua NAME
--
--   joined 1:20               its address, once it has joined
--   left 2:21
--   frame a|b                 a frame's messages; a long one as its number of bytes
--   piece TOTAL OFFSET NUMBER BYTES
--   raw text                  a message that is no frame
--
-- Input: `fill COUNT HEX` sends these bytes with so many "x" after them, and prints "sent" when they have come back;
-- `mark` sends a frame without messages, and prints "mark" then. The program ends with its input.
local core = require "corosync.core"
local corosync = require "corosync"
local uv = require "luv"

io.stdout:setvbuf "line"

local LONG = 60 -- bytes
local EMPTY = "\147LCP\1\0\0\0" -- a frame without messages

local function number(text, first, bytes)
  local value = 0
  for i = first + bytes - 1, first, -1 do
    value = value * 256 + text:byte(i)
  end
  return value
end

local function messages(frame)
  local list, at = {}, 9
  while at <= #frame do
    local length = number(frame, at, 4)
    list[#list + 1] = length > LONG and ("%d"):format(length) or frame:sub(at + 4, at + 3 + length)
    at = at + 4 + length
  end
  return table.concat(list, "|")
end

local function describe(bytes)
  if bytes:sub(1, 4) ~= "\147LCP" then
    return "raw " .. bytes
  elseif bytes:byte(6) == 1 then
    return ("piece %d %d %d %d"):format(number(bytes, 9, 8), number(bytes, 17, 8), number(bytes, 25, 4), #bytes - 28)
  end
  return "frame " .. messages(bytes)
end

local handle
handle = assert(core.cpg.open {
  config_change = function(_, left, joined)
    for _, address in ipairs(left) do
      print("left " .. tostring(address))
    end
    for _, address in ipairs(joined) do
      if address == handle:address() then print("joined " .. tostring(address)) end
    end
  end,
  message_received = function(address, bytes)
    if address ~= handle:address() then
      print(describe(bytes))
    else
      print(bytes == EMPTY and "mark" or "sent")
    end
  end,
})

local function send(bytes)
  while not handle:send(bytes) do
    assert(handle:fetch(0.01) ~= nil)
  end
end

local commands = {}

function commands.fill(count, hex)
  send(hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end) .. ("x"):rep(tonumber(count)))
end

function commands.mark()
  send(EMPTY)
end

local input, rest = uv.new_pipe(false), ""
input:open(0)
input:read_start(function(_, data)
  if not data then
    corosync.loop.stop()
    return
  end
  rest = (rest .. data):gsub("([^\n]*)\n", function(line)
    local name, first, second = line:match "^(%S+) ?(%S*) ?(%S*)$"
    commands[name](first, second)
    return ""
  end)
end)

while not handle:join(arg[1]) do
  handle:wait(0.01)
end
assert(corosync.loop.add(handle))
corosync.loop.run()
