-- The script for `make soak`: a member that sends messages of all sizes as fast as it can, is slow at times, raises
-- errors, and checks each byte of the messages that it receives.
local history = require "corosync.history"
local uv = require "luv"

local LIMIT = 1047552 -- bytes: the longest atomic message
local FILLING = ("0123456789abcdef"):rep(LIMIT / 16)
local SLOWEST = 0.05 -- seconds

local own -- this member's address as text
local number, raised, back, settling = 0, 0, 0, false

-- The text of a message: empty, or its head and a filling.
local function text_of(head, length)
  return length == 0 and "" or head .. FILLING:sub(1, math.max(length - #head, 0))
end

-- Mostly small, and some of every size.
local function size()
  local kind = math.random(1000)
  if kind <= 20 then
    return 0
  elseif kind <= 900 then
    return math.random(40, 2000) -- at least the size of the head
  elseif kind <= 990 then
    return math.random(2000, 50000)
  elseif kind <= 998 then
    return math.random(50000, 300000)
  end
  return kind == 999 and LIMIT or math.random(300000, LIMIT)
end

local function is_whole(message)
  local head = message:match "^%d+:%d+ %d+ %d+ "
  return message == "" or head and message == text_of(head, #message) and #message == tonumber(head:match " (%d+) $")
end

local function send_one()
  number = number + 1
  local length = size()
  return group:send_message(text_of(("%s %d %d "):format(own, number, length), length))
end

local sent, connected = 0, false

function message_received(address, message)
  assert(is_whole(message), "damaged")
  if tostring(address) == own then
    back = back + 1
  end
  local kind = math.random(20000)
  if kind == 1 then
    raised = raised + 1
    history.note(group, "raise e" .. raised)
    error("raised e" .. raised)
  elseif kind <= 5 then
    uv.sleep(math.random(1, SLOWEST * 1000))
  elseif kind <= 20 and not settling and #message > 100 and group:send_message(message:sub(1, 0)) then
    sent = sent + 1
  end
end

function config_change()
  connected = true
end

-- Messages in flight may be lost.
function disconnected()
  sent, back, connected = 0, 0, false
end

local function usage()
  collectgarbage()
  collectgarbage()
  local count = 0
  for _ in uv.fs_scandir_next, assert(uv.fs_scandir "/proc/self/fd") do
    count = count + 1
  end
  history.note(group, ("usage %d %d"):format(count, math.floor(collectgarbage "count")))
end

local function as_soon_as(predicate, act)
  local look = uv.new_timer()
  look:start(0, 20, function()
    if predicate() then
      look:close()
      act()
    end
  end)
end

-- Descriptors are counted while all connections are open.
local function has_connections()
  return connected and cmap:is_connected() and quorum:is_connected()
end

local sending = uv.new_idle()

local function settle()
  settling = true
  print "settling"
  sending:stop()
  as_soon_as(function() return back >= sent and has_connections() end, function()
    usage()
    history.note(group, "quiet")
    print "settled"
  end)
end

function started()
  own = tostring(group:address())
  math.randomseed(tonumber(os.getenv "CPGRUN_SEED"))
  as_soon_as(has_connections, usage)
  local pause = uv.new_timer()
  local function send()
    if send_one() then
      sent = sent + 1
    elseif not settling then
      sending:stop()
      pause:start(50, 0, function()
        if not settling then
          sending:start(send)
        end
      end)
    end
  end
  sending:start(send)
end

local input = uv.new_pipe(false)
input:open(0)
input:read_start(function(_, data)
  if data and data:match "settle" then
    settle()
  end
end)
