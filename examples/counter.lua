-- A counter that is equal on all members. Nobody changes it but in message_received, which runs in the same order on
-- all of them; each member asks for +1 once a second.
--
-- Not for data that matters: when two sides of a network cut meet, what one of them has added since the cut is lost,
-- even if it is the side with quorum and all its members have received it.
--
--   cpgrun --lab 3 examples/counter.lua   then type:  partition({1,2},{3})   and later:  heal()
--
-- Who joins, or comes back from another part of a split network, is brought to the value of those who were there
-- before: a "mark" is one point of the order for everybody; "set" then tells the value at that point, and what was
-- added since is added on top. When two sides meet, both mark and say how far they have come: who has come further
-- counts, on all members alike. So one that starts, and is alone until it meets the others, does not undo theirs.
--
-- `cpgrun check examples/counter.lua` tries whether that is so: it asks all for their counters, and compares these.
local uv = require "luv"

local count -- nil until this member knows
local rank -- how far it had come, or the mark that counts, until the value at a mark is told
local marker -- who sent the mark that counts
local since = 0 -- what was added after it
local asked = false -- whether `cpgrun check` wants to know the value
local ready = {} -- by address: who can tell it

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

-- All tell the value at one point of the order, which is when the last has said that it can. What is added before shows
-- who is not equal.
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

-- Corosync may not give a lost node's last messages to all the others.
local function is_node_lost(left)
  for _, address in ipairs(left) do
    if address.reason == "nodedown" then
      return true
    end
  end
  return false
end

-- All who know the value mark, since any of them may be gone before it has told it; then the others mark again.
function config_change(members, left, joined)
  if #members > 0 and #members == #joined then -- but not as one's own leaving is told
    set(0)
  elseif count and (#joined > 0 or rank and #left > 0 or is_node_lost(left)) then
    marker, rank = nil, count
    assert(group:send_message("mark " .. count))
  end
end

-- Corosync has gone: what is added meanwhile is missed, and who comes back learns the value like who comes new.
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
