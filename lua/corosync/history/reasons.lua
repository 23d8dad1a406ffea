-- Whether the reasons for which a member is told that others came and went are those for which they did, as their own
-- histories have it; and whether who joins is delivered nothing from before.
local reasons = {}

-- The lives with one address, by group and address; `unborn` is how many more there may have been.
local function by_address(all)
  local found, seen = {}, {}
  for _, life in ipairs(all) do
    local key = life.group .. " " .. life.address
    found[key] = found[key] or { unborn = 0 }
    table.insert(found[key], life)
    if not seen[life.case] then
      seen[life.case] = true
      found[key].unborn = found[key].unborn + life.case.unborn
    end
  end
  return found
end

local function may_have_begun_on(lives, ring)
  if lives.unborn > 0 then
    return true
  end
  for _, life in ipairs(lives) do
    local first, second = life.states[1], life.states[2]
    if first.ring == ring or second and second.ring == ring or not first.ring and not second then
      return true
    end
  end
  return false
end

local function have_all_left(lives)
  if lives.unborn > 0 then
    return false
  end
  for _, life in ipairs(lives) do
    if not life.has_left then
      return false
    end
  end
  return true
end

-- Who joins does so on the ring of those who are told so.
local function check_joined(court, life, state, address, reason, lives)
  if reason == "join" and state.ring and not may_have_begun_on(lives, state.ring) then
    court.complain("e", ("%s has joined for the reason 'join' on ring %s, on which it did not"):format(address,
      state.ring), life.history, state.line)
  end
end

local ENDS = { leave = true, procdown = true }

local function check_left(court, life, state, address, reason, lives)
  if reason == "procdown" and have_all_left(lives) then
    court.complain("e", ("%s has left for the reason 'procdown', and left by itself each time"):format(address),
      life.history, state.line)
  end
end

-- Who has left for good as often as it has joined cannot be back, unless it has ended while rings met: then a list of
-- members that was made before may come after the word of it.
local function check_back(court, life, state, address, ends, lives)
  if ends < #lives + lives.unborn then
    return
  elseif court.strangers[address] then
    court.exempt "member that has ended"
  else
    court.complain("e", ("%s is back, has left for 'leave' or 'procdown' %d times, and has joined %d times"):format(
      address, ends, #lives), life.history, state.line)
  end
end

-- `ends` counts, by address, how often each was told to have left for good.
local function check_state(court, life, state, ends, known)
  for address, reason in pairs(state.left) do
    local lives = known[life.group .. " " .. address]
    if lives and address ~= life.address then
      check_left(court, life, state, address, reason, lives)
      ends[address] = (ends[address] or 0) + (ENDS[reason] and 1 or 0)
    end
  end
  for address, reason in pairs(state.joined) do
    local lives = known[life.group .. " " .. address]
    if lives and address ~= life.address then
      check_joined(court, life, state, address, reason, lives)
      check_back(court, life, state, address, ends[address] or 0, lives)
    end
  end
end

-- By address: for each time that a sender was told that it joined, the last of its own messages that the sender had
-- been delivered.
local function own_before(lives)
  local found, last = {}, 0
  for _, life in ipairs(lives) do
    for _, state in ipairs(life.states) do
      for address, reason in pairs(state.joined or {}) do
        if reason == "join" then
          found[address] = found[address] or {}
          table.insert(found[address], last)
        end
      end
      for _, delivery in ipairs(state.deliveries) do
        last = delivery.sender == life.address and delivery.id or last
      end
    end
  end
  return found
end

-- In which order the lives of several objects of one process come is not known.
local function are_of_one(lives)
  return lives[1].case == lives[#lives].case
end

local function complain_of_early(court, life, delivery)
  court.complain("i", ("message %s of %s, from before the join of %s"):format(delivery.digest, delivery.sender,
    life.address), life.history, delivery.line)
end

-- Rule i, where a sender was told of each join: it is complained of the first from each. `before` has by sender what
-- own_before answers.
local function check_first(court, lives, before)
  local address, complained = lives[1].address, {}
  for i, life in ipairs(lives) do
    for _, state in ipairs(life.states) do
      for _, delivery in ipairs(state.deliveries) do
        local sender = delivery.sender
        local last = sender ~= address and before[sender] and before[sender][address]
        if last and #last == #lives and delivery.id and delivery.id <= last[i] and not complained[sender] then
          complained[sender] = true
          complain_of_early(court, life, delivery)
        end
      end
    end
  end
end

local function check_all_first(court, known)
  local before = {} -- by group and sender
  for _, lives in pairs(known) do
    local group, address = lives[1].group, lives[1].address
    before[group] = before[group] or {}
    before[group][address] = are_of_one(lives) and own_before(lives) or nil
  end
  for _, lives in pairs(known) do
    if lives.unborn == 0 and are_of_one(lives) then
      check_first(court, lives, before[lives[1].group])
    end
  end
end

-- A process that ends while rings meet: Corosync tells of its leaving also where it has not told of it before. It may
-- have been told nothing itself, and have a history without an address.
local function check_strangers(court, case, has_unnamed)
  for _, stranger in ipairs(case.strangers) do
    if has_unnamed[case.group] or court.cases[case.group][stranger.address] then
      court.exempt "unknown member left"
    else
      court.complain("e", stranger.address .. " left, and had not been there", case.history, stranger.line)
    end
  end
end

local function check_all_strangers(court, cases)
  local has_unnamed = {}
  for _, case in ipairs(cases) do
    has_unnamed[case.group] = has_unnamed[case.group] or not case.address
  end
  for _, case in ipairs(cases) do
    check_strangers(court, case, has_unnamed)
  end
end

--- Complains under the rules e and i.
function reasons.check(court, all, cases)
  local known, ends = by_address(all), {}
  for _, life in ipairs(all) do
    ends[life.case] = ends[life.case] or {}
    for _, state in ipairs(life.states) do
      if state.left then
        check_state(court, life, state, ends[life.case], known)
      end
    end
  end
  check_all_first(court, known)
  check_all_strangers(court, cases)
end

return reasons
