-- Many members of a group of which each joins, stays for a while and leaves, again and again.
--
--   lua spec/helpers/clients/long_churn.lua GROUP COUNT STAY PAUSE [split]
--
-- STAY and PAUSE are the longest times, in milliseconds.
--
--   ready                                    all run
--   got ADDRESS SENDER NUMBER MEMBERS        a message, whole, and the members at that time
--   problem …
local cpg = require "corosync.cpg"
local process = require "spec_process"
local uv = require "luv"

local name, count, stay, pause, splits = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]), arg[5] == "split"
io.stdout:setvbuf("full", 65536)

local function say(...)
  io.stdout:write(string.format(...), "\n")
  io.stdout:flush()
end

local function persist(try)
  local result, message, code
  repeat
    result, message, code = try()
    if code == "try_again" then
      uv.sleep(5)
    end
  until code ~= "try_again"
  return assert(result, message)
end

local function open(state)
  local handle
  handle = persist(function()
    return cpg.open {
      pack = not splits, split = splits,
      config_change = function(members, left)
        local texts = {}
        for i, address in ipairs(members) do
          texts[i] = tostring(address)
        end
        table.sort(texts)
        state.members = table.concat(texts, ",")
        for _, address in ipairs(left) do
          state.over = state.over or address == handle:address()
        end
      end,
      message_received = function(address, message)
        local sender, number, length = message:match "^(%S+) (%d+) (%d+) "
        if sender ~= tostring(address) or tonumber(length) ~= #message then
          say("problem a message of %s is damaged", tostring(address))
        end
        say("got %s %s %s %s", tostring(handle:address()), sender, number, state.members)
      end,
      error = function(message) say("problem %s", message:gsub("\n", " ")) end,
    }
  end)
  return handle
end

local function be_member_once()
  local state = {}
  local handle = open(state)
  persist(function() return handle:join(name) end)
  local leaves_at, has_left = uv.now() + math.random(stay), false
  while not state.over do
    handle:wait(0.02)
    assert(handle:dispatch())
    uv.update_time()
    if not has_left and uv.now() >= leaves_at then
      has_left = handle:leave()
    end
  end
  handle:close()
end

for i = 1, count do
  if process.fork_here() == 0 then
    math.randomseed(i)
    uv.sleep(math.random(pause))
    while true do
      uv.update_time()
      be_member_once()
      uv.sleep(math.random(pause))
    end
  end
end
say "ready"
process.stay()
