-- What claims (claims.lua) tell of the nodes: which have claimed, which may have a state, and which cannot have one. A
-- member is silent if it has not claimed.
--
-- A node of the ring that has no member has no state in memory: a process that is not connected has missed messages, so
-- its state does not count. Its storage may have one. So if any member has storage, or had it in an earlier generation,
-- only members can say that their nodes have no state.
local claim_list = require "corosync.replica.protocol.claim_list"
local node_count = require "corosync.replica.protocol.node_count"

local known_nodes = {}

-- Returns the nodes of silent members, whose states are unknown, with the lowest address of such a member. Some
-- claimants may know more members than others.
local function unknown_nodes(list, voters)
  local claimed, unknown = {}, {}
  for _, claim in ipairs(list) do
    claimed[claim.from] = true
  end
  for _, claim in ipairs(voters) do
    for _, address in ipairs(claim.members) do
      local node = node_count.node_of(address)
      if not claimed[address] and (not unknown[node] or address < unknown[node]) then
        unknown[node] = address
      end
    end
  end
  return unknown
end

-- Returns how many nodes have no member: they are on the ring of all claimants, and no member of them has claimed or is
-- silent.
local function count_empty(voters, unknown)
  local times, claimed = {}, {}
  for _, claim in ipairs(voters) do
    claimed[node_count.node_of(claim.from)] = true
    for _, node in ipairs(claim.on_ring) do
      times[node] = (times[node] or 0) + 1
    end
  end
  local count = 0
  for node, number in pairs(times) do
    count = count + (number == #voters and not claimed[node] and not unknown[node] and 1 or 0)
  end
  return count
end

-- Returns the lowest address of a silent member, and the number of nodes with such members.
local function silent_member(unknown)
  local lowest, count = nil, 0
  for _, address in pairs(unknown) do
    lowest, count = (not lowest or address < lowest) and address or lowest, count + 1
  end
  return lowest, count
end

local function count_needed(nodes, copies, has_silent)
  local needed = node_count.needed(nodes, copies)
  -- Silent members may be those that confirmed commands as `copies`.
  return has_silent and math.max(node_count.majority(nodes), nodes - needed + 1) or needed
end

-- `voters`: the claims without those of observers. Returns a table:
--   nodes         the number of nodes
--   unknown       the nodes with silent members
--   claimed       the number of nodes with claims of all their members
--   known         the same, and the nodes that surely have no state
--   needed        how many nodes must vouch for a state
--   is_stored     whether nodes without members may have a stored state
--   silent        the lowest address of a silent member; nil if there is none
--   silent_nodes  the number of nodes with such members
function known_nodes.count(list, voters, copies)
  local nodes, unknown = claim_list.greatest(voters, "nodes"), unknown_nodes(list, voters)
  local silent, silent_nodes = silent_member(unknown)
  local claimed = claim_list.count_nodes(voters, function(claim)
    return not unknown[node_count.node_of(claim.from)]
  end)
  local is_stored = claim_list.may_be_stored(voters)
  return { nodes = nodes, unknown = unknown, claimed = claimed, is_stored = is_stored, silent = silent,
    silent_nodes = silent_nodes, needed = count_needed(nodes, copies, silent ~= nil),
    known = claimed + (is_stored and 0 or count_empty(voters, unknown)) }
end

return known_nodes
