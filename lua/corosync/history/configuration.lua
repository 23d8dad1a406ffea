-- What one configuration says, and whether it can be true by itself, and after the one before.
local list = require "corosync.list"

local configuration = {}

local REASONS = {
  left = { leave = true, nodedown = true, procdown = true },
  joined = { join = true, nodeup = true },
}
local OF_NODES = { nodedown = true, nodeup = true }

local function split(text)
  local found = {}
  if text ~= "-" then
    for item in text:gmatch "[^,]+" do
      found[#found + 1] = item
    end
  end
  return found
end

-- Answers the addresses and, by address, the reasons.
local function split_reasons(text)
  local addresses, reasons = {}, {}
  for i, item in ipairs(split(text)) do
    local address, reason = item:match "^(.-)=(.*)$"
    addresses[i], reasons[address] = address, reason
  end
  return addresses, reasons
end

--- Of an event: who is told (`own`); `members`, `left` and `joined`, arrays of addresses; `left_for` and `joined_for`,
-- their reasons by address; and whether nodes were lost, or are back.
function configuration.of(event)
  local it = { own = event[2], event = event, members = split(event[3]) }
  it.left, it.left_for = split_reasons(event[4])
  it.joined, it.joined_for = split_reasons(event[5])
  it.is_lost, it.is_back = event[4]:find "=nodedown" ~= nil, event[5]:find "=nodeup" ~= nil
  return it
end

function configuration.sorted(addresses)
  local copy = list.copy(addresses)
  table.sort(copy)
  return table.concat(copy, ",")
end

-- ---- by itself ----

local function check_reasons(what, reasons, complain)
  for address, reason in pairs(reasons) do
    if not REASONS[what][reason] then
      complain(("%s is in %s for the reason '%s'"):format(address, what, reason))
    end
  end
end

local function check_once(it, what, complain)
  local seen = {}
  for _, address in ipairs(it[what]) do
    if seen[address] then
      complain(("%s is in %s twice"):format(address, what))
    end
    seen[address] = true
  end
end

local function check_lists(it, complain)
  for _, address in ipairs(it.joined) do
    if it.left_for[address] then
      complain(address .. " left and joined at once")
    end
  end
  if #it.left == 0 and #it.joined == 0 then
    complain "nobody left or joined"
  end
end

-- Corosync tells of processes one by one, and of all that nodes have taken with them, or brought, at once.
local function check_alone(it, complain)
  local of_processes = false
  for _, reasons in ipairs { it.left_for, it.joined_for } do
    for _, reason in pairs(reasons) do
      of_processes = of_processes or not OF_NODES[reason]
    end
  end
  if of_processes and #it.left + #it.joined > 1 then
    complain "a process is told of with others, and comes or goes alone"
  end
end

local function check_own(it, complain)
  local left, joined = it.left_for[it.own], it.joined_for[it.own]
  if joined and joined ~= "join" then
    complain(("it joins itself for the reason '%s'"):format(joined))
  elseif left and left ~= "leave" then
    complain(("it leaves itself for the reason '%s'"):format(left))
  end
end

--- What a configuration says by itself. `complain` is called with each text.
function configuration.check(it, complain)
  check_reasons("left", it.left_for, complain)
  check_reasons("joined", it.joined_for, complain)
  check_once(it, "members", complain)
  check_once(it, "left", complain)
  check_once(it, "joined", complain)
  check_lists(it, complain)
  check_alone(it, complain)
  check_own(it, complain)
end

-- ---- after the one before ----

--- The first one of a member: nobody knows who the members were before.
function configuration.check_first(it, complain)
  local present = list.set(it.members)
  for _, address in ipairs(it.joined) do
    if not present[address] then
      complain(address .. " joined, and is no member")
    end
  end
end

-- Members are those before, less who left, and who joined.
local function check_members(it, before, complain)
  local expected = {}
  for _, address in ipairs(before) do
    if not it.left_for[address] then
      expected[#expected + 1] = address
    end
  end
  local present = list.set(expected)
  for _, address in ipairs(it.joined) do
    if present[address] then
      complain(address .. " joined, and had been there")
    else
      expected[#expected + 1] = address
    end
  end
  local members = configuration.sorted(expected)
  if members ~= configuration.sorted(it.members) then
    complain(("the members are %s, and those before make %s"):format(it.event[3], members))
  end
end

--- Another one, with the members before it. Answers an array of those that have left for 'procdown' and were not known.
function configuration.check_change(it, before, complain)
  local known, strangers = list.set(before), {}
  for _, address in ipairs(it.left) do
    if not known[address] and it.left_for[address] == "procdown" then
      strangers[#strangers + 1] = address
    elseif not known[address] then
      complain(address .. " left, and had not been there")
    end
  end
  check_members(it, before, complain)
  return strangers
end

return configuration
