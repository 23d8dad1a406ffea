-- Transitions: a session moves from one configuration to the next.
local cut = require "corosync.checker.cut"
local rings = require "corosync.checker.ring"

local transition = {}

local LONGEST = 1047552 -- bytes: libcpg sends longer messages in pieces (cpg_max_atomic_msgsize_get)

--- Whether libcpg sends the message in pieces.
function transition.is_in_pieces(delivery)
  return tonumber(delivery.digest:match "^%d+") > LONGEST
end

-- Why others may miss a message, or nil.
local function excuse_of(sender, delivery, ring)
  if transition.is_in_pieces(delivery) then
    return "message in pieces"
  end
  return sender and cut.may_be_cut(sender, delivery, ring) and "message cut by a change of ring" or nil
end

-- `shared` are the deliveries that all who move together must have; `excused` counts the others, by why they may be
-- missed.
local function new_transition(trace, name, session, i)
  local it = { name = name, session = session, index = i, configuration = session.configurations[i], shared = {},
    excused = {} }
  local members = trace.groups[session.group]
  for _, delivery in ipairs(it.configuration.deliveries) do
    local excuse = excuse_of(members[delivery.sender], delivery, it.configuration.ring)
    if excuse then
      it.excused[excuse] = (it.excused[excuse] or 0) + 1
    else
      it.shared[#it.shared + 1] = delivery
    end
  end
  return it
end

local function next_ring(session, i)
  local ring, configurations = session.configurations[i].ring, session.configurations
  for k = i + 1, #configurations do
    if configurations[k].ring ~= ring then
      return configurations[k].ring
    end
  end
end

-- How the numbers of rings grow: by 4 for each that is formed, and by 1 when a daemon starts (exec/totemsrp.c).
local STEP = 5

-- The name of a transition is the same for all that move together; nil if that cannot be known. A ring that breaks
-- before groups are told of it shows only in the numbers: over such rings members may have come apart and met again.
local function name_of(report, session, i)
  local configuration, following = session.configurations[i], session.configurations[i + 1]
  local name = ("%s %s>%s"):format(session.group, configuration.key, following.key)
  if not following.by_nodes then
    return name
  end
  local ring = next_ring(session, i)
  local growth = rings.growth(configuration.ring, ring)
  if not growth then
    return nil
  elseif growth <= STEP then
    return name .. ">" .. ring
  end
  report:exempt "ring that nobody was told of"
end

--- Returns the transitions of all sessions that others may share.
function transition.of(trace, report)
  local all = {}
  for _, session in ipairs(trace.sessions) do
    for i = 1, #session.configurations - 1 do
      local name = name_of(report, session, i)
      if name then
        all[#all + 1] = new_transition(trace, name, session, i)
      end
    end
  end
  return all
end

-- Whether a sender goes when nodes change next; nil if the session ends before.
local function goes(it, sender)
  local configurations = it.session.configurations
  for k = it.index + 1, #configurations do
    if configurations[k].by_nodes then
      return (configurations[k - 1].present[sender] and not configurations[k].present[sender]) or false
    end
  end
end

--- Whether a sender goes when nodes change next, as far as two know.
function transition.goes_for_both(one, other, sender)
  local here, there = goes(one, sender), goes(other, sender)
  return here ~= false and there ~= false and (here or there) or false
end

return transition
