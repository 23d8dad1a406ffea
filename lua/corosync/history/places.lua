-- What two members deliver they deliver in one configuration: on the same ring, with the same members.
local places = {}

-- By node: whether it goes when the nodes of a life change next.
local function going(life, index)
  local nodes = {}
  for k = index + 1, #life.states do
    local state = life.states[k]
    for address, reason in pairs(state.by_nodes and state.left or {}) do
      nodes[address:match "^%d+"] = reason == "nodedown" or nil
    end
    if state.by_nodes then
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

-- Of a node that goes, one may not have the last words, and of who leaves while rings meet, any.
local function have_same_members(court, one, other)
  local here, there = one.life.states[one.index], other.life.states[other.index]
  if here.members == there.members then
    return true
  end
  local go, others_go = going(one.life, one.index), going(other.life, other.index)
  local function may_lack(address)
    local node = address:match "^%d+"
    return court.strangers[address] or go[node] or others_go[node]
  end
  return has_all(here.present, there.present, may_lack) and has_all(there.present, here.present, may_lack)
end

local function compare(court, one, other, delivery)
  local here, there = one.life.states[one.index], other.life.states[other.index]
  if here.ring == there.ring and have_same_members(court, one, other) then
    return true
  end
  court.complain("c", ("%s delivers message %s of %s as one of %s@%s, and %s as one of %s@%s"):format(one.life.address,
    delivery.digest, delivery.sender, here.members, here.ring, other.life.address, there.members, there.ring),
    one.life.history, delivery.line)
end

-- Once for each life. `first` has by message where it was delivered first.
local function compare_life(court, life, first)
  for index, state in ipairs(life.states) do
    local here = { life = life, index = index }
    for _, delivery in ipairs(state.ring and state.deliveries or {}) do
      local other = delivery.id and first[delivery.id]
      if other and not compare(court, here, other, delivery) then
        return
      elseif delivery.id and not other then
        first[delivery.id] = here
      end
    end
  end
end

--- Complains under rule c.
function places.compare(court, all)
  local first = {}
  for _, life in ipairs(all) do
    compare_life(court, life, first)
  end
end

return places
