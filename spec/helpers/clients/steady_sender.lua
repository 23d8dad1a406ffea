-- Sends numbered messages of a given size without end. The line "report" on stdin stops it: it prints the number of
-- sends by result, and when all accepted messages have come back, once and in order. Other lines are echoed with the
-- seconds of CPU time.
local corosync = require "corosync"
local uv = require "luv"
io.stdout:setvbuf "line"

local size = tonumber(arg[2])
local filling, sent, last, refused, stopping = ("x"):rep(size - 8), 0, 0, {}, false
local group = corosync.group(arg[1], {
  message_received = function(_, message)
    local number = tonumber(message:sub(1, 8))
    assert(number == last + 1, "out of order")
    last = number
    if last == 1 then print "sending" end
  end,
})
group.timeout = 1
assert(corosync.loop.add(group))

local function send()
  local ok, _, code = group:send_message(("%08d"):format(sent + 1) .. filling)
  if ok then
    sent = sent + 1
  else
    refused[code] = (refused[code] or 0) + 1
  end
end

local sending = uv.new_idle()
sending:start(function()
  if not stopping then
    send()
  elseif last == sent then
    for code, count in pairs(refused) do print(code, count) end
    print "all came back"
    corosync.loop.stop()
  end
end)
local input = uv.new_pipe(false)
input:open(0)
input:read_start(function(_, data)
  if data and data:match "report" then
    stopping = true
  elseif data then
    local usage = uv.getrusage()
    print(data:match "%S+", usage.utime.sec + usage.stime.sec + (usage.utime.usec + usage.stime.usec) / 1e6)
  end
end)
corosync.loop.run()
