-- The program that runs under callgrind: sends or receives each kind of message many times, with a dump for each that
-- is named "<kind> <count>".
local KEY = require "corosync.private"
local callgrind = require "callgrind"
local core = require "corosync.core"
local corosync = require "corosync"

local SENT, RECEIVED, CHANGES = 200, 1000, 40 -- fewer than the window; and than a dispatch's budget
local SMALL, LARGE = 64, 1000 -- bytes

-- Each kind has its own group, because a closed handle stays a member until the daemon notices.
local groups, group_name = 0, nil
local function take_group()
  groups = groups + 1
  group_name = "instructions-" .. groups
end

-- Without the garbage collector, whose work depends on the size of the whole heap and on when a cycle begins.
local function measure(kind, count, f)
  collectgarbage()
  collectgarbage "stop"
  callgrind.measure(("%s %d"):format(kind, count), f)
  collectgarbage "restart"
end

-- Runs the feeder in the group. When it has ended, all its events wait in this node's daemon.
local function feed(...)
  local command = table.concat({ os.getenv "LUA" .. " bench/instructions/feeder.lua", group_name, ... }, " ")
  assert(os.execute(command), command)
end

local received = 0
local function count_message()
  received = received + 1
end

-- Handles the waiting events, including the feeder's own join and leave.
local function drain(member)
  repeat
    local _, more = assert(member:dispatch())
  until not more
end

-- ---- the bare binding ----

local function open(options)
  take_group()
  local handle = assert(core.cpg.open(options))
  assert(handle:join(group_name))
  assert(handle:wait(10))
  drain(handle)
  return handle
end

local function send_all(handle, message)
  return function()
    for _ = 1, SENT do
      assert(handle:send(message))
    end
  end
end

-- All sent messages come back, outside of the measurement.
local function come_back(member, count)
  received = 0
  while received < count do
    assert(member:dispatch())
  end
end

local function measure_send()
  local handle = open { message_received = count_message }
  local quarter = ("m"):rep(SMALL / 4)
  for _, each in ipairs {
    { "send, 64 bytes", ("m"):rep(SMALL) },
    { "send, 1000 bytes", ("m"):rep(LARGE) },
    { "send, 4 strings", { quarter, quarter, quarter, quarter } },
  } do
    measure(each[1], SENT, send_all(handle, each[2]))
    come_back(handle, SENT)
  end
  handle:close()
end

-- Including the cost of a turn of the loop.
local function measure_turn(kind)
  local handle = open { message_received = count_message }
  local message = ("m"):rep(SMALL)
  measure(kind, SENT, function()
    for _ = 1, SENT do
      assert(handle:send(message))
      received = 0
      while received == 0 do
        handle:wait(10)
        assert(handle:dispatch())
      end
    end
  end)
  handle:close()
end

local function measure_dispatch(kind, size, options)
  options.message_received = count_message
  local handle = open(options)
  feed("send", RECEIVED, size)
  received = 0
  measure(kind, RECEIVED, function()
    repeat
      assert(handle:dispatch())
    until received == RECEIVED
  end)
  handle:close()
end

-- The feeder's messages come in frames, too.
local function measure_packed()
  local handle = open { pack = true, message_received = count_message }
  assert(handle:send "one under way, so that no frame goes out at once")
  measure("send packed, 64 bytes", SENT, send_all(handle, ("m"):rep(SMALL)))
  come_back(handle, SENT + 1)
  handle:close()
  handle = open { pack = true, message_received = count_message }
  feed("send", RECEIVED, SMALL, "pack")
  received = 0
  measure("receive packed, 64 bytes", RECEIVED, function()
    repeat
      assert(handle:dispatch())
    until received == RECEIVED
  end)
  handle:close()
end

local function measure_receive(kind, size)
  local handle = open {}
  feed("send", RECEIVED, size)
  measure(kind, RECEIVED, function()
    local found = 0
    repeat
      if handle:receive() == "message" then
        found = found + 1
      end
    until found == RECEIVED
  end)
  handle:close()
end

local function measure_changes(kind)
  local changes = 0
  local handle = open { config_change = function() changes = changes + 1 end }
  feed("change", CHANGES)
  changes = 0
  measure(kind, CHANGES, function()
    repeat
      assert(handle:dispatch())
    until changes == CHANGES
  end)
  handle:close()
end

-- ---- groups ----

local Class = { message_received = count_message, config_change = function() end }
Class.__index = Class

local function measure_group(kind, handlers)
  take_group()
  local group = corosync.group(group_name, handlers)
  assert(group:activate())
  assert(group:wait_for(function() return group[KEY].state == "joined" end))
  local message = ("m"):rep(SMALL)
  measure("send by a group, " .. kind, SENT, function()
    for _ = 1, SENT do
      assert(group:send_message(message))
    end
  end)
  come_back(group, SENT)
  feed("send", RECEIVED, SMALL)
  received = 0
  measure("receive by a group, " .. kind, RECEIVED, function()
    repeat
      assert(group:dispatch())
    until received == RECEIVED
  end)
  assert(group:deactivate())
  assert(group:wait_for(function() return not group:is_active() end))
end

measure_send()
measure_turn "send, wait and receive one at a time, 64 bytes"
measure_dispatch("receive, 64 bytes", SMALL, {})
measure_dispatch("receive, 1000 bytes", LARGE, {})
measure_dispatch("receive, 64 bytes, reader standing by", SMALL, { reader = { after = 60 } })
measure_receive("receive by receive(), 64 bytes", SMALL)
measure_packed()
measure_changes "configuration of 1 or 2 members"
measure_group("functions", { message_received = count_message, config_change = function() end })
measure_group("class", Class)
