-- A member that packs, sends long messages one after the other, and writes what it has seen.
--
--   lua spec/helpers/clients/long_sender.lua GROUP BYTES [MODE]
--
-- Sends messages of so many bytes, none with 0. MODE is "reader" for a handle with one, "split" for one without pack,
-- "light" for a member that keeps no more than it must and compares only lengths. Commands on stdin: "stop" ends the
-- sending, "end" the program.
--
--   joined ADDRESS
--   in RING MEMBERS          later lines are of this configuration
--   got SENDER NUMBER BYTES  a whole message; "damaged" instead of BYTES when it is not as it was sent
--   sent NUMBER              an own message has come back
--   stopped                  nothing of its own is under way any more
local cpg = require "corosync.cpg"
local uv = require "luv"

local name, bytes, mode = arg[1], tonumber(arg[2]), arg[3]
io.stdout:setvbuf "line"

local handle, ring, members, announced
local number, under_way, sending, over = 0, false, bytes > 0, false

-- Other bytes for each message, which repeat at no piece's length.
local function content(sender, count, length)
  local head = ("%s %d %d "):format(sender, count, length)
  local pattern = head .. ("x"):rep(61 + count % 7)
  return head .. pattern:rep(math.ceil(length / #pattern)):sub(1, length - #head)
end

local function announce()
  if not announced and members and ring then
    announced = true
    print(("in %s %s"):format(ring, members))
  end
end

local handlers = { pack = mode ~= "split", split = mode == "split", reader = mode == "reader" }

function handlers.config_change(list, left, joined)
  local texts = {}
  for i, address in ipairs(list) do
    texts[i] = tostring(address)
  end
  table.sort(texts)
  members, announced = table.concat(texts, ","), false
  for _, address in ipairs(joined) do
    if address == handle:address() and address.reason == "join" then
      print("joined " .. tostring(address))
    end
  end
  for _, address in ipairs(left) do
    over = over or address == handle:address()
  end
end

function handlers.ring_change(id)
  ring, announced = ("%d.%s"):format(id.node, tostring(id.seq)), false
end

function handlers.message_received(address, message)
  local sender, count, length = message:match "^(%S+) (%d+) (%d+) "
  local whole = sender == tostring(address) and #message == tonumber(length) and
    (mode == "light" or message == content(sender, tonumber(count), #message))
  announce()
  print(("got %s %s %s"):format(tostring(address), count, whole and length or "damaged"))
  if address == handle:address() then
    under_way = false
    print("sent " .. count)
  end
end

function handlers.error(message)
  print("error " .. message:gsub("\n", " "))
end

handle = assert(cpg.open(handlers))
if mode == "light" then
  collectgarbage("setpause", 100)
end
local stdin = uv.new_pipe(false)
stdin:open(0)
stdin:read_start(function(_, data)
  sending = sending and data ~= nil and not data:find "stop"
  over = over or not data or data:find "end" ~= nil
end)

local function persist(try)
  local ok, message, code
  repeat
    ok, message, code = try()
    if code == "try_again" then
      uv.sleep(5)
    end
  until code ~= "try_again"
  return assert(ok, message)
end

persist(function() return handle:join(name) end)
local own = tostring(handle:address())

local function send_next()
  local ok, message, code = handle:send(content(own, number + 1, bytes))
  if ok then
    number, under_way = number + 1, true
  else
    assert(code == "try_again" or code == "interrupt", message)
  end
end

-- The loop of any program: the descriptor, then dispatch.
local poll = uv.new_poll(assert(handle:fd()))
local retry = uv.new_timer()
local told = false

local function turn()
  local more
  repeat
    more = select(2, assert(handle:dispatch()))
    if sending and not under_way and members then
      send_next()
    end
  until not more or over
  if sending and not under_way and not retry:is_active() then
    retry:start(20, 0, turn)
  end
  if not sending and not under_way and not told and number > 0 then
    told = true
    print "stopped"
  end
end

poll:start("r", turn)
local ticker = uv.new_timer()
ticker:start(100, 100, function()
  if not sending and not under_way and not told and number > 0 then turn() end
end)
while not over do
  uv.run "once"
end
handle:close()
