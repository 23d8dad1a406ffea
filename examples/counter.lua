-- A counter that is equal on all members. Only message_received changes it, which is called in the same order on all of
-- them; each member sends "add 1" once a second.
--
-- Not for data that matters: when two partitions merge, the additions of one of them are lost, even if it had quorum
-- and all its members received them.
--
--   cpgrun --lab 3 examples/counter.lua   then type:  partition({1,2},{3})   and later:  heal()
--
-- A member that joins, or returns from another partition, takes the value of the others: a "mark" is one point in the
-- order of messages; "set" then sends the value at that point, and additions after the mark are added to it. When two
-- partitions merge, both send a mark with their value, and the higher one wins on all members. So a member that starts
-- alone and then meets the others does not reset their counter.
--
-- `cpgrun check examples/counter.lua` tests this: it compares the counters of all members.
local uv = require "luv"

local count -- nil until this member knows it
local rank -- the value of the winning mark, until "set" has come
local marker -- the sender of the winning mark
local since = 0 -- the additions after it
local asked = false -- whether `cpgrun check` waits for the value
local ready = {} -- by address: the members that can report it

local function set(value)
  count = value
  print(("the counter is %d"):format(count))
end

local on = {}

function on.mark(address, value)
  if rank and value < rank then
    return
  end
  marker, rank, since = address, value, 0
  if address == group:address() then
    assert(group:send_message("set " .. count))
  end
end

-- All members report the value at one point in the order: when the last of them is ready. The addition before it makes
-- a difference visible.
local function get_ready()
  if asked and count and not rank then
    asked = false
    assert(group:send_message "add 1" and group:send_message "ready")
  end
end

function on.ready(address)
  ready[tostring(address)] = true
  for _, member in ipairs(group:members()) do
    if not ready[tostring(member)] then
      return
    end
  end
  print("settled " .. count)
end

function on.set(address, value)
  if address == marker then
    rank = nil
    set(value + since)
    get_ready()
  end
end

function on.add(_, value)
  since = since + value
  if count then
    set(count + value)
  end
end

-- Corosync may not deliver a lost node's last messages to all others.
local function is_node_lost(left)
  for _, address in ipairs(left) do
    if address.reason == "nodedown" then
      return true
    end
  end
  return false
end

-- All members that know the value send a mark, because any of them may end before its "set"; then the others mark
-- again.
function config_change(members, left, joined)
  if #members > 0 and #members == #joined then -- not this member's own leave
    set(0)
  elseif count and (#joined > 0 or rank and #left > 0 or is_node_lost(left)) then
    marker, rank = nil, count
    assert(group:send_message("mark " .. count))
  end
end

-- This member misses additions until it rejoins: then it takes the value like a new member.
function disconnected()
  count, rank = nil, nil
end

function message_received(address, message)
  local verb, value = message:match "^(%a+) ?(%-?%d*)$"
  on[verb](address, tonumber(value))
end

function started()
  uv.new_timer():start(1000, 1000, function()
    group:send_message("add 1")
  end)
end

if uv.guess_handle(0) == "pipe" then
  local input = uv.new_pipe(false)
  assert(input:open(0))
  input:read_start(function(_, text)
    if not text then
      input:close()
    elseif text:find "settle" then
      asked = true
      get_ready()
    end
  end)
end
