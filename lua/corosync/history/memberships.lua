-- Compares what members were told, on one ring, of who joins and leaves: those that were there when it was formed the
-- same from its first change on, and who joins the same from its join on, each as far as it was there.
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

-- A run is what one was told on one ring. Of who joins it begins with that join, after which the ring is told of.
local function new_run(life, i)
  local state, before = life.states[i], life.states[i - 1]
  local has_joined = i == 2 and not before.ring
  local first = step_of(has_joined and before or state)
  return { life = life, ring = state.ring, has_joined = has_joined, steps = { first } }
end

local function runs_of(life)
  local runs, run = {}, nil
  for i, state in ipairs(life.states) do
    if not state.left then
      run = new_run(life, i)
      runs[#runs + 1] = run
    elseif state.by_nodes then -- until the next ring nobody knows on which this was
      run = nil
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

-- Who joins more than once on a ring is told the right thing if it is that after one of the joins.
local function compare(court, run, longest, strangers)
  local step, other
  for from, beginning in ipairs(longest.steps) do
    if beginning.change == run.steps[1].change then
      step, other = different_step(run, longest, from, strangers)
      if not step then
        return
      end
    end
  end
  if step then
    complain(court, run, step, longest, other)
  end
end

local function is_longer(run, other)
  if run.has_joined ~= other.has_joined then
    return other.has_joined
  end
  return #run.steps > #other.steps
end

local function compare_all(court, runs, strangers)
  local longest = runs[1]
  for _, run in ipairs(runs) do
    longest = is_longer(run, longest) and run or longest
  end
  for _, run in ipairs(runs) do
    if run ~= longest then
      compare(court, run, longest, strangers)
    end
  end
end

local function strangers_of(cases)
  local strangers = {}
  for _, case in ipairs(cases) do
    for _, stranger in ipairs(case.strangers) do
      strangers[stranger.address] = true
    end
  end
  return strangers
end

--- Complains under rule e.
function memberships.compare(court, all, cases)
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
  local strangers = strangers_of(cases)
  for _, key in ipairs(order) do
    compare_all(court, by_ring[key], strangers)
  end
end

return memberships
