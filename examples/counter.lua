-- A counter that is equal on all members. Nobody changes it but in message_received, which runs in the same order on
-- all of them; each member asks for +1 once a second.
--
--   cpgrun --lab 3 examples/counter.lua   then type:  partition({1,2},{3})   and later:  heal()
--
-- Who joins, or comes back from another part of a split network, is brought to the value of those who were there
-- before: a "mark" is one point of the order for everybody; "set" then tells the value at that point, and what was
-- added since is added on top. When two sides meet, both mark; the last mark counts, on all members alike.
local uv = require "luv"

local count -- nil until this member knows
local marker -- who sent the last mark
local since = 0 -- what was added after it

local function lowest(addresses)
  local found
  for _, address in ipairs(addresses) do
    if not found or address < found then
      found = address
    end
  end
  return found
end

local function without(addresses, removed)
  local gone, rest = {}, {}
  for _, address in ipairs(removed) do
    gone[address] = true
  end
  for _, address in ipairs(addresses) do
    if not gone[address] then
      rest[#rest + 1] = address
    end
  end
  return rest
end

local function set(value)
  count = value
  print(("the counter is %d"):format(count))
end

local on = {}

function on.mark(address)
  marker, since = address, 0
  if address == group:address() then
    assert(group:send_message("set " .. count))
  end
end

function on.set(address, value)
  if address == marker then
    set(value + since)
  end
end

-- Who should have marked may not have known the value itself, when two joined one after the other: then all who do
-- mark.
function on.ask()
  if count then
    assert(group:send_message "mark")
  end
end

function on.add(_, value)
  since = since + value
  if count then
    set(count + value)
  else
    assert(group:send_message "ask")
  end
end

function config_change(members, _, joined)
  local before = without(members, joined)
  if #before == 0 and #members > 0 then -- but not as one's own leaving is told
    set(0)
  elseif #joined > 0 and count and lowest(before) == group:address() then
    assert(group:send_message("mark"))
  end
end

-- Corosync has gone: what is added meanwhile is missed, and who comes back learns the value like who comes new.
function disconnected()
  count = nil
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
