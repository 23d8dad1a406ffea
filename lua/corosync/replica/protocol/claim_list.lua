-- What a list of claims says (claims.lua).
local generation_number = require "corosync.replica.protocol.generation_number"
local node_count = require "corosync.replica.protocol.node_count"

local claim_list = {}

-- Whether the first claim's state is newer. Of equal ones the one with the lower address counts, so that all members
-- choose alike.
local function is_newer(one, other)
  local difference = generation_number.compare(one.generation, other.generation)
  if difference ~= 0 then
    return difference > 0
  elseif one.partial ~= other.partial then
    return not one.partial
  elseif one.index ~= other.index then
    return one.index > other.index
  end
  return one.from < other.from
end

-- Returns the claim with the newest state, or nil if no claimant has a state.
function claim_list.newest(list)
  local best
  for _, claim in ipairs(list) do
    if claim.generation and (not best or is_newer(claim, best)) then
      best = claim
    end
  end
  return best
end

-- Whether two claims are of the same state.
function claim_list.is_equal(one, other)
  return one.generation ~= nil and generation_number.compare(one.generation, other.generation) == 0
    and one.index == other.index and one.digest == other.digest
end

-- Returns on how many nodes a member has a claim that passes the test.
function claim_list.count_nodes(list, test)
  local found, count = {}, 0
  for _, claim in ipairs(list) do
    local node = node_count.node_of(claim.from)
    if test(claim) and not found[node] then
      found[node], count = true, count + 1
    end
  end
  return count
end

function claim_list.greatest(list, field)
  local found = 0
  for _, claim in ipairs(list) do
    found = math.max(found, claim[field] or 0)
  end
  return found
end

function claim_list.greatest_copies(list)
  local copies = 0
  for _, claim in ipairs(list) do
    copies = node_count.more_copies(copies, claim.copies)
  end
  return copies
end

-- Returns the numbers of all generations that the claims mention.
function claim_list.known_generations(list)
  local known = {}
  for _, claim in ipairs(list) do
    known[#known + 1] = claim.generation
    known[#known + 1] = claim.promised
    known[#known + 1] = generation_number.parse(claim.noted)
  end
  return known
end

-- Whether nodes without members may have a stored state.
function claim_list.may_be_stored(voters)
  for _, claim in ipairs(voters) do
    if claim.durable then
      return true
    end
  end
  for _, generation in ipairs(claim_list.known_generations(voters)) do
    if generation.stored then
      return true
    end
  end
  return false
end

return claim_list
