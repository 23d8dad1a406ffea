-- The application of the specs' nginx; its group's events go to stderr, a line each: pid, kind, details.
if os.getenv "SPEC_NO_THREADS" then
  require("corosync.core").waker = nil -- as in a build without them
end
local corosync_resty = require "corosync.resty"

local app = {}

local function tell(...)
  io.stderr:write(table.concat({ ngx.worker.pid(), ... }, " ") .. "\n") -- in one piece: others write there too
end

local function list(addresses)
  local texts = {}
  for i, address in ipairs(addresses) do
    texts[i] = tostring(address) .. "=" .. tostring(address.reason)
  end
  return table.concat(texts, ",")
end

-- All that handlers may do here.
local function ask_own_server()
  local socket = ngx.socket.tcp()
  assert(socket:connect("127.0.0.1", 8090))
  assert(socket:send "GET /ping HTTP/1.0\r\n\r\n")
  local answer = assert(socket:receive "*a")
  socket:close()
  return answer:match "pong"
end

local light_threads = 0

local function count_light_threads()
  if not ngx.ctx.counted then
    ngx.ctx.counted = true
    light_threads = light_threads + 1
    if os.getenv "SPEC_ACTIVATES" then ngx.sleep(0.01) end -- another would overtake it
  end
end

local exits_when_lost = false

local act = {
  sleep = function() ngx.sleep(0.001) end,
  socket = function() assert(ask_own_server()) end,
  dict = function() ngx.shared.counts:incr("messages", 1, 0) end,
  raise = function() error "as asked" end,
  rest = function() ngx.sleep(2) end,
  exit = function() ngx.exit(ngx.ERROR) end,
  exit_when_lost = function() exits_when_lost = true end,
  hold = function()
    repeat ngx.sleep(0.01) until ngx.shared.counts:get "released"
  end,
  hold_one = function()
    if not ngx.shared.counts:add("held", true) then return end
    tell "holds"
    repeat ngx.sleep(0.01) until ngx.shared.counts:get "released"
  end,
  -- More than may be on their way at once.
  burst = function()
    for i = 1, 600 do assert(app.group:send_message("burst " .. i)) end
  end,
}

-- Until that is refused.
function act.overdo()
  local ok, _, code
  repeat
    ok, _, code = app.group:send_message(("x"):rep(10000))
  until not ok
  tell("overdone", code)
end

-- Counts nginx's turns, and the messages that are handled in one.
local handled = 0

function act.work()
  local from = os.clock()
  repeat until os.clock() - from >= 0.001
  handled = handled + 1
end

local function count_turns()
  local most = 0
  while most < 1000 and not ngx.worker.exiting() do
    ngx.sleep(0.001)
    if handled > most then
      most = handled
      tell("row", most)
    end
    handled = 0
  end
end

if os.getenv "SPEC_HANDLERS" == "work" then
  assert(ngx.timer.at(0, count_turns))
end

-- In each of nginx's turns, because each takes so long that the timer is due again: also in the one in which one light
-- thread takes over from another.
local function activate_in_each_turn()
  if not ngx.worker.exiting() then
    assert(app.group:activate())
    act.work()
  end
end

if os.getenv "SPEC_ACTIVATES" then
  assert(ngx.timer.every(0.001, activate_in_each_turn))
end

local LATE = 3 -- seconds

if ngx.shared.counts:get "begin late" then
  os.execute("sleep " .. LATE)
end

local limit = tonumber(os.getenv "SPEC_READER_LIMIT")

local handlers = {
  reader = limit and { limit = limit } or nil,
  pack = os.getenv "SPEC_PACK" == "yes",
  message_received = function(address, message)
    count_light_threads()
    for kind in (os.getenv "SPEC_HANDLERS" or ""):gmatch "%a+" do act[kind]() end
    local what = message:match "^do ([%a_]+)$"
    if what then act[what]() end
    if message == "nap " .. tostring(app.group:address()) then ngx.sleep(2) end
    local text = message:gsub(" +$", "")
    tell("message", tostring(address), #text > 4000 and "long" or text) -- the pipe takes no more in one piece
  end,
  config_change = function(members, left, joined)
    tell("config", #members, "left", list(left), "joined", list(joined))
  end,
  disconnected = function(reason)
    tell("disconnected", reason)
    if exits_when_lost then ngx.exit(ngx.OK) end
    tell("sent", select(3, app.group:send_message "lost"))
  end,
}

app.group = assert(corosync_resty.group("spec", handlers, {
  per = os.getenv "SPEC_PER" or "worker",
  poll = tonumber(os.getenv "SPEC_POLL"),
  directory = os.getenv "SPEC_DIRECTORY" or "/run",
}))

local commands = {}

-- More than Corosync takes at once.
function commands.flood(args)
  local threads = {}
  for i = 1, 4 do
    threads[i] = ngx.thread.spawn(function()
      for j = 1, tonumber(args.count) do
        local message = ("%d-%d%s"):format(i, j, (" "):rep(100000))
        assert(app.group:send_message(message))
      end
    end)
  end
  for i = 1, 4 do assert(ngx.thread.wait(threads[i])) end
  ngx.say "sent"
end

function commands.send(args)
  app.group.timeout = tonumber(args.timeout) or 10
  for i = 1, tonumber(args.count or 1) do
    local ok, message, code = app.group:send_message(args.text .. (args.count and i or ""))
    if not ok then return ngx.say(code, ": ", message) end
  end
  ngx.say "sent"
end

-- Sends until `unload`, one message after another; returns how many, and the codes of those that were not sent.
function commands.load(args)
  local count, codes = 0, {}
  repeat
    count = count + 1
    local ok, _, code = app.group:send_message(args.text .. count)
    if not ok then codes[#codes + 1] = code end
    if args.pause then ngx.sleep(tonumber(args.pause)) end
  until ngx.shared.counts:get "unload"
  ngx.say(count, " ", table.concat(codes, " "))
end

function commands.unload()
  ngx.shared.counts:set("unload", true)
  ngx.say "unloaded"
end

-- In the worker that sends for the node: its member.
local function held_here()
  local member = app.group[require "corosync.private"].node.member
  return member and member.is_holder and member
end

function commands.holder()
  ngx.say(held_here() and ngx.worker.pid() or "not here")
end

-- No message is sent any more.
function commands.stall()
  local member = held_here()
  if member then
    function member.send_now() ngx.sleep(60) end
  end
  commands.holder()
end

-- In another worker than that one.
function commands.send_unless(args)
  if ngx.worker.pid() == tonumber(args.pid) then return ngx.say "the same" end
  tell("sends", args.text)
  commands.send(args)
end

function commands.send_long(args)
  local ok, message, code = app.group:send_message(args.text:rep(tonumber(args.times)))
  ngx.say(ok and "true" or code .. ": " .. message)
end

function commands.release()
  ngx.shared.counts:set("released", true)
  ngx.say "released"
end

-- Nothing of the frame has been sent when the worker leaves.
function commands.send_and_leave(args)
  commands.send(args)
  corosync_resty.leave()
end

function commands.send_long_and_leave(args)
  commands.send_long(args)
  corosync_resty.leave()
end

function commands.flush(args)
  for _ = 1, tonumber(args.count) do
    assert(app.group:send_message(args.text:rep(tonumber(args.times))))
  end
  local ok, message, code = app.group:flush()
  ngx.say(ok and "flushed" or code .. ": " .. message)
end

-- More than may wait for handlers, while this worker's one does not return.
function commands.overfill(args)
  app.group.timeout = 60
  assert(app.group:send_message("nap " .. tostring(app.group:address())))
  for _ = 1, tonumber(args.count) do
    local ok, message, code = app.group:send_message((" "):rep(1000))
    if not ok then return ngx.say(code, ": ", message) end
  end
  ngx.say "sent"
end

function commands.hog()
  require("hogs").take_all()
  ngx.say "hogging"
end

-- In a timer, as long as it may.
function commands.wait()
  ngx.timer.at(0, function()
    local _, message, code = app.group:wait_for(function() return false end, 1e6)
    tell("waited", code, message)
  end)
  ngx.say "waits"
end

-- A request that ends while it waits for the group, again and again.
function commands.give_up(args)
  for _ = 1, tonumber(args.count) do
    local waiter = ngx.thread.spawn(app.group.wait_for, app.group, function() return false end, 1e6)
    ngx.thread.kill(waiter)
  end
  ngx.say "gave up"
end

function commands.waiters()
  collectgarbage()
  local count = 0
  for _ in pairs(app.group[require "corosync.private"].waiting) do count = count + 1 end
  ngx.say(count)
end

function commands.begin_late()
  ngx.shared.counts:set("begin late", true)
  ngx.say "workers will begin late"
end

function commands.address()
  ngx.say(tostring(app.group:address()))
end

function commands.members()
  ngx.say(#app.group:members())
end

function commands.leave()
  app.group:deactivate()
  ngx.say(tostring(app.group:wait_for(function() return tostring(app.group):match "idle" end)))
end

function commands.join()
  ngx.say(tostring(app.group:activate()), select(3, app.group:send_message "joined anew") or "")
end

function commands.threads()
  ngx.say(light_threads)
end

function commands.count()
  ngx.say(ngx.shared.counts:get "messages" or 0)
end

function commands.refusals()
  local group = app.group
  ngx.say(select(3, corosync_resty.group("spec", {})))
  ngx.say(select(3, group:dispatch()))
  ngx.say(select(3, group:step()))
  local function raises(...)
    local args = { ... }
    return select(2, pcall(function() local made = corosync_resty.group(unpack(args)) return made end))
  end
  ngx.say(raises("x", { message_recieved = print }))
  ngx.say(raises("x", {}, { pol = 1 }))
  ngx.say(raises("", {}))
  ngx.say(select(3, group:wait_for(function() return false end, 0.01)))
  ngx.say(raises("x", {}, { poll = 0 }))
  ngx.say(select(2, pcall(function() local done = group.flush() return done end)))
  -- Longer than nginx can count: others go on meanwhile.
  local from, over = ngx.now(), false
  local thread = ngx.thread.spawn(function() group:wait_for(function() return over end, 3e6) end)
  ngx.sleep(0.05)
  over = true
  group:send_message "to look again"
  ngx.thread.wait(thread)
  ngx.say(ngx.now() - from < 5)
end

function app.serve()
  commands[ngx.var.uri:sub(2)](ngx.req.get_uri_args())
end

-- A phase in which nothing can wait.
function app.log()
  tell("log", tostring(app.group:send_message "from log"))
  tell("log flush", tostring(app.group:flush()))
  tell("log", select(3, app.group:wait_for(function() return false end)))
end

return app
