local same_configuration = {
  name = "same_configuration",
  guarantee = "All members deliver a message in the same configuration: on the same ring, with the same members.",
  messages = {
    different = "%s delivered message %s of %s in the configuration %s@%s, and %s in %s@%s",
  },
  exceptions = { "last messages of a node that is gone", "unknown member left", "member that has ended" },
}

-- By node: whether it goes down when nodes change next.
local function going(session, index)
  local nodes, configurations = {}, session.configurations
  for k = index + 1, #configurations do
    if configurations[k].by_nodes then
      for address, reason in pairs(configurations[k].left or {}) do
        nodes[address:match "^%d+"] = reason == "nodedown" or nil
      end
      break
    end
  end
  return nodes
end

local function has_all(present, members, may_lack)
  for address in pairs(members) do
    if not present[address] and not may_lack(address) then
      return false
    end
  end
  return true
end

-- A member may not have been told the last changes on a node that goes down, and may see or not see one that ended
-- while rings merged.
local function have_same_members(trace, one, other)
  local here, there = one.session.configurations[one.index], other.session.configurations[other.index]
  if here.members == there.members then
    return true
  end
  local gone, others_gone = going(one.session, one.index), going(other.session, other.index)
  local function may_lack(address)
    local node = address:match "^%d+"
    return trace.ended_in_merge[address] or gone[node] or others_gone[node]
  end
  return has_all(here.present, there.present, may_lack) and has_all(there.present, here.present, may_lack)
end

local function compare(trace, report, one, other, delivery)
  local here, there = one.session.configurations[one.index], other.session.configurations[other.index]
  if here.ring == there.ring and have_same_members(trace, one, other) then
    return true
  end
  report:add_delivery(same_configuration, "different", one.session, delivery, here.members, here.ring,
    other.session.address, there.members, there.ring)
end

-- `first` has by message where it was delivered first. The first violation is enough.
local function check_session(trace, report, session, first)
  for index, configuration in ipairs(session.configurations) do
    local here = { session = session, index = index }
    for _, delivery in ipairs(configuration.ring and configuration.deliveries or {}) do
      local other = delivery.id and first[delivery.id]
      if other and not compare(trace, report, here, other, delivery) then
        return
      elseif delivery.id and not other then
        first[delivery.id] = here
      end
    end
  end
end

function same_configuration.check(trace, report)
  local first = {}
  for _, session in ipairs(trace.sessions) do
    check_session(trace, report, session, first)
  end
end

return same_configuration
