-- Compares what members were told, on one ring, of who joins and leaves: those that were there when it was formed the
-- same from its first change on, and who joins the same from its join on, each as far as it was there.
local list = require "corosync.list"

local memberships = {}

local RING = "the forming of the ring"

-- What a configuration says has changed, as text.
local function change_of(state)
  local items = {}
  for _, changed in ipairs { state.left, state.joined } do
    for address, reason in pairs(changed) do
      items[#items + 1] = address .. "=" .. reason
    end
  end
  table.sort(items)
  return table.concat(items, ",")
end

local function step_of(state)
  return { change = state.left and change_of(state) or RING, members = state.members, line = state.line }
end

-- A run is what one was told on one ring. Of who joins it begins with that join, after which the ring may be told of.
local function new_run(life, i)
  local states = life.states
  local has_joined = i == 1 or i == 2 and not states[1].ring
  local first = step_of(states[has_joined and 1 or i])
  return { life = life, ring = states[i].ring, has_joined = has_joined, steps = { first } }
end

local function runs_of(life)
  local runs, run = {}, nil
  for i, state in ipairs(life.states) do
    if not state.left or i == 1 and state.ring then
      run = new_run(life, i)
      runs[#runs + 1] = run
    elseif run and state.by_nodes then
      run.ended_by, run = state.left, nil
    elseif run then
      table.insert(run.steps, step_of(state))
    end
  end
  return runs
end

local function without(members, strangers)
  local left = {}
  for address in members:gmatch "[^,]+" do
    if not strangers[address] then
      left[#left + 1] = address
    end
  end
  return table.concat(left, ",")
end

-- Who leaves while rings meet may be a member for some and not for others (see the judge's "unknown member left").
local function have_same_members(one, other, strangers)
  return one.members == other.members or without(one.members, strangers) == without(other.members, strangers)
end

-- The step of a run that is not that of the longest, which begins there; nil when there is none.
local function different_step(run, longest, from, strangers)
  for i, step in ipairs(run.steps) do
    local other = longest.steps[from + i - 1]
    if not other then
      return nil
    elseif step.change ~= other.change or not have_same_members(step, other, strangers) then
      return step, other
    end
  end
end

local function complain(court, run, step, longest, other)
  local text = ("on ring %s %s was told of %s, and %s of %s"):format(run.ring, run.life.address, step.change,
    longest.life.address, other.change)
  if step.change == other.change then
    text = ("on ring %s, after %s, %s has the members %s, and %s has %s"):format(run.ring, step.change,
      run.life.address, step.members, longest.life.address, other.members)
  end
  court.complain("e", text, run.life.history, step.line or 0)
end

-- Where in the longest a run is: the places at which it may begin, and of a place at which it may not, the first step
-- that differs, of both.
local function places_of(run, longest, strangers)
  local places, step, other = {}, nil, nil
  for from, beginning in ipairs(longest.steps) do
    if beginning.change == run.steps[1].change then
      local different, others = different_step(run, longest, from, strangers)
      if different then
        step, other = different, others
      else
        places[#places + 1] = from
      end
    end
  end
  return places, step, other
end

local function concerns_only(step, nodes)
  for node in step.change:gmatch "(%d+):%d+=" do
    if not nodes[node] then
      return false
    end
  end
  return step.change ~= RING
end

-- What a run goes on with after the end of the longest belongs to that, too. True if it has grown.
local function lengthen(longest, run, strangers)
  local places, length = places_of(run, longest, strangers), #longest.steps
  for i = length + 1, #places == 1 and places[1] + #run.steps - 1 or 0 do
    longest.steps[i] = run.steps[i - places[1] + 1]
  end
  return #longest.steps > length
end

local function is_longer(run, other)
  if run.has_joined ~= other.has_joined then
    return other.has_joined
  end
  return #run.steps > #other.steps
end

-- As a run: what was told on the ring, as far as it is known.
local function longest_of(runs, strangers)
  local longest = runs[1]
  for _, run in ipairs(runs) do
    longest = is_longer(run, longest) and run or longest
  end
  longest = { life = longest.life, steps = list.copy(longest.steps) }
  local has_grown
  repeat
    has_grown = false
    for _, run in ipairs(runs) do
      has_grown = lengthen(longest, run, strangers) or has_grown
    end
  until not has_grown
  return longest
end

-- How often each address begins a run by its join.
local function count_joins(runs)
  local joins = {}
  for _, run in ipairs(runs) do
    local address = run.life.address
    joins[address] = (joins[address] or 0) + (run.has_joined and 1 or 0)
  end
  return joins
end

-- The nodes that go when this ring ends, for any of its members.
local function gone_of(runs)
  local gone = {}
  for _, run in ipairs(runs) do
    for address, reason in pairs(run.ended_by or {}) do
      gone[address:match "^%d+"] = reason == "nodedown" or gone[address:match "^%d+"]
    end
  end
  return gone
end

local function count(steps, change)
  local found = 0
  for _, step in ipairs(steps) do
    found = found + (step.change == change and 1 or 0)
  end
  return found
end

-- Who joins more than once on a ring is told the right thing if it is that after one of the joins, or if there may be
-- one that the longest does not have.
local function compare(court, run, longest, known)
  local places, step, other = places_of(run, longest, court.strangers)
  local joins = run.has_joined and known.joins[run.life.address] or 0
  if #places > 0 or not step or joins > count(longest.steps, run.steps[1].change) then
    return
  elseif concerns_only(step, known.gone) or concerns_only(other, known.gone) then
    court.exempt "last messages of a node that is gone"
  else
    complain(court, run, step, longest, other)
  end
end

local function compare_all(court, runs)
  local known = { joins = count_joins(runs), gone = gone_of(runs) }
  local longest = longest_of(runs, court.strangers)
  for _, run in ipairs(runs) do
    compare(court, run, longest, known)
  end
end

--- Complains under rule e.
function memberships.compare(court, all)
  local by_ring, order = {}, {}
  for _, life in ipairs(all) do
    for _, run in ipairs(runs_of(life)) do
      local key = life.group .. " " .. run.ring
      if not by_ring[key] then
        by_ring[key] = {}
        order[#order + 1] = key
      end
      table.insert(by_ring[key], run)
    end
  end
  for _, key in ipairs(order) do
    compare_all(court, by_ring[key])
  end
end

return memberships
