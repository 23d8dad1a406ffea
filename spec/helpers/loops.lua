-- Running the loop with a time limit, and groups that collect numbered messages.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local loop = require "corosync.loop"
local uv = require "luv"

local new = groups.new

local DEADLINE = 60000 -- milliseconds

-- For use in callbacks of luv, which reports errors that are not strings, such as busted's, as "(null)".
local function must(holds, message)
  if not holds then
    error(tostring(message), 0)
  end
end

local function run()
  local late = false
  local timer = uv.new_timer()
  timer:start(DEADLINE, 0, function()
    late = true
    loop.stop()
  end)
  timer:unref()
  local answer = loop.run()
  timer:close()
  assert.is_false(late, "the loop did not end in time")
  return answer
end

local function after(milliseconds, action)
  local timer = uv.new_timer()
  timer:start(milliseconds, 0, function()
    timer:close()
    action()
  end)
end

local function numbers(first, last)
  local list = {}
  for i = first, last do
    list[#list + 1] = tostring(i)
  end
  return list
end

local function send_numbers(group, last)
  for i = 1, last do
    assert(group:send_message(tostring(i)))
  end
end

-- A group that collects messages and calls `at[message]()` after one.
local function collector(at)
  local seen, group = {}, nil
  group = new {
    message_received = function(_, message)
      seen[#seen + 1] = message
      if at[message] then at[message](group) end
    end,
  }
  return group, seen
end

local function leave(group)
  assert(group:deactivate())
end

return {
  must = must,
  run = run,
  after = after,
  numbers = numbers,
  send_numbers = send_numbers,
  collector = collector,
  leave = leave,
}
