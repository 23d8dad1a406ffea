-- Finds what cannot be true in histories that belong together.
local lives = require "corosync.history.lives"
local memberships = require "corosync.history.memberships"
local places = require "corosync.history.places"
local reasons = require "corosync.history.reasons"
local together = require "corosync.history.together"

local judge = {}

local MOST = 100 -- violations: who has more has seen enough
local MOST_TRIES = 100 -- places of equal messages that are tried: with more of them nobody can say much

-- ---- who has sent what ----

-- Where in a stream each digest is: its position, or false when it is there more than once.
local function index_of(stream)
  local positions, all = {}, {}
  for i, digest in ipairs(stream) do
    if positions[digest] == nil then
      positions[digest] = i
      all[digest] = { i }
    else
      positions[digest] = false
      table.insert(all[digest], i)
    end
  end
  return positions, all
end

local function prepare(case, number)
  case.number = number
  case.positions, case.all = index_of(case.stream)
  case.straddling = {}
  -- Of what it is delivered, in all its lives: what it has seen, how often, and the last of each sender.
  case.seen, case.counts, case.last = {}, {}, {}
end

local function fits(case, block, offset)
  for k, delivery in ipairs(block) do
    if case.stream[offset + k] ~= delivery.digest then
      return false
    end
  end
  return true
end

-- The offset at which a block of deliveries is in the sender's stream: one's own follows the last; others' is found
-- by a message that is there once. Nil when there is none: equal messages may be here or there.
local function offset_of(case, block, from, is_own)
  if is_own and fits(case, block, from) then
    return from
  end
  local before = 0
  for _, delivery in ipairs(block) do
    local position = case.positions[delivery.digest]
    if position then
      return math.max(position - before - 1, 0)
    end
    before = position == nil and before or before + 1
  end
  local equal = case.all[block[1].digest] or {}
  for i = 1, math.min(#equal, MOST_TRIES) do
    if fits(case, block, equal[i] - 1) then
      return nil
    end
  end
  return #equal <= MOST_TRIES and from or nil
end

-- Why this message is not the expected one.
local function explain(court, life, case, delivery, expected)
  local position = case.positions[delivery.digest]
  local what = ("message %s of %s"):format(delivery.digest, delivery.sender)
  if position == nil and case.refused[delivery.digest] then
    court.complain("h", what .. " was refused when it was sent", life.history, delivery.line)
  elseif position == nil then
    court.complain("a", what .. " was never sent", life.history, delivery.line)
  elseif position and life.case.seen[case.number * 2 ^ 32 + position] then
    court.complain("a", what .. " is delivered again", life.history, delivery.line)
  elseif position and position < expected then
    court.complain("b", what .. " comes after a later one", life.history, delivery.line)
  else
    local missing = case.stream[expected]
    court.complain("b", what .. (missing and (" comes, and %s is missing before it"):format(missing)
      or " comes after the last that it sent"), life.history, delivery.line)
  end
  return position
end

-- Of what was tried when the process was killed, some may not have been sent: answers where the digest is from there,
-- or the same position. (What was cut is missing at a block's front, where its offset passes it.)
local function pass_unsent(case, digest, position)
  for i = position, #case.stream do
    if case.stream[i] == digest then
      return i
    end
  end
  return position
end

-- Gives each delivery of a block its place in the sender's stream.
local function place(court, life, case, block, from)
  local offset = offset_of(case, block, from, case.address == life.address)
  if not offset then
    return from
  end
  local next_one = offset + 1
  if next_one <= from and case.stream[next_one] == block[1].digest then
    explain(court, life, case, block[1], from + 1)
  end
  for _, delivery in ipairs(block) do
    if next_one > case.certain then
      next_one = pass_unsent(case, delivery.digest, next_one)
    end
    local found = case.stream[next_one] == delivery.digest and next_one
      or explain(court, life, case, delivery, next_one)
    if found then
      delivery.id = case.number * 2 ^ 32 + found
      life.case.seen[delivery.id] = true
      next_one = found + 1
    end
  end
  return next_one - 1
end

-- The deliveries of a state by sender, in order.
local function blocks_of(state)
  local blocks, senders = {}, {}
  for _, delivery in ipairs(state.deliveries) do
    local block = blocks[delivery.sender]
    if not block then
      block = {}
      blocks[delivery.sender] = block
      senders[#senders + 1] = delivery.sender
    end
    block[#block + 1] = delivery
  end
  return blocks, senders
end

-- Corosync cuts messages into frames, and the frames of one message may be sent on two rings, some before and some
-- after a change. Then only those deliver it who were on both with the sender. So what one has sent before a change
-- of ring and delivered after it, or never, others may miss (docs/testing.md). By position, and by digest for where
-- equal messages cannot be told apart.
local function find_straddling(case)
  local came_back = {}
  for _, life in ipairs(case.lives) do
    for _, state in ipairs(life.states) do
      for _, delivery in ipairs(state.deliveries) do
        if delivery.sender == case.address and delivery.id then
          came_back[delivery.id - case.number * 2 ^ 32] = delivery.rings
        end
      end
    end
  end
  for position, digest in ipairs(case.stream) do
    if came_back[position] ~= case.sent_in[position] then
      case.straddling[digest] = true
    end
  end
end

-- Of equal messages, which have no places, none is delivered more often than it was sent.
local function count_equal(court, life, case, block)
  for _, delivery in ipairs(block) do
    local sent, key = case.all[delivery.digest], case.number .. " " .. delivery.digest
    local counts = life.case.counts
    counts[key] = (counts[key] or 0) + 1
    if sent and #sent > 1 and counts[key] == #sent + 1 then
      court.complain("a", ("message %s of %s is delivered more often than sent, which was %d times"):format(
        delivery.digest, delivery.sender, #sent), life.history, delivery.line)
    end
  end
end

-- Answers where in the sender's stream the block ends.
local function place_block(court, life, sender, block, from)
  local case = court.cases[life.group][sender]
  if case then
    count_equal(court, life, case, block)
    return place(court, life, case, block, from)
  end
  court.complain("a", "a message of " .. sender .. ", of which there is no history", life.history, block[1].line)
end

-- Rules a, b and h, of one's own messages or of others'.
local function place_all(court, life, own)
  local last = life.case.last
  if own then
    last[life.address] = math.max(last[life.address] or 0, life.first - 1)
  end
  for _, state in ipairs(life.states) do
    local blocks, senders = blocks_of(state)
    for _, sender in ipairs(senders) do
      if (sender == life.address) == own then
        last[sender] = place_block(court, life, sender, blocks[sender], last[sender] or 0)
      end
    end
  end
end

-- ---- a member by itself ----

-- Rules d and g: what comes back is what was sent in this life, from the first on; after "quiet" all of it.
local function check_own(court, life, case)
  local expected = life.first
  for _, state in ipairs(life.states) do
    for _, delivery in ipairs(state.deliveries) do
      if delivery.sender == life.address and delivery.id then
        local position = delivery.id - case.number * 2 ^ 32
        if position > expected and expected <= case.certain then
          local text = ("its own message %s did not come back, and later ones did"):format(case.stream[expected])
          court.complain("d", text, life.history, delivery.line)
        end
        expected = position + 1
      end
    end
  end
  if life.quiet and expected <= life.quiet then
    court.complain("g", ("its own message %s was answered with true, and did not come back"):format(
      case.stream[expected]), life.history, 0)
  end
end

-- What one saw when all was whole, without those that have ended and remain.
local function settled_of(court, case)
  local seen = {}
  for address in case.settled:gmatch "[^,]+" do
    local other = court.cases[case.group][address]
    if not court.strangers[address] or other and other.settled then
      seen[#seen + 1] = address
    end
  end
  local members = table.concat(seen, ",")
  if members ~= case.settled then
    court.exempt "member that has ended"
  end
  return members
end

-- Rule k: all see those that are to be members, on one ring.
local function check_settled(court, of_group)
  local expected = {}
  for address, case in pairs(of_group) do
    if case.settled then
      expected[#expected + 1] = address
    end
  end
  table.sort(expected)
  local members = table.concat(expected, ",")
  local first = of_group[expected[1]]
  for _, address in ipairs(expected) do
    local case = of_group[address]
    if settled_of(court, case) ~= members then
      court.complain("k", ("when all was whole it saw %s, and there were %s"):format(case.settled, members),
        case.history, 0)
    elseif case.settled_on ~= first.settled_on and case.settled_on and first.settled_on then
      court.complain("k", ("when all was whole it was on ring %s, and %s on %s"):format(case.settled_on, first.address,
        first.settled_on), case.history, 0)
    end
  end
end

-- ---- the whole ----

local function new_court()
  local court = { cases = {}, violations = {}, exempted = {} }
  -- By address: whether it has left for 'procdown' where it was not known to be a member, or while rings met. Then it
  -- may be a member for some and not for others.
  court.strangers = {}
  -- A fault of Corosync's that is known (docs/testing.md).
  function court.exempt(name)
    court.exempted[name] = (court.exempted[name] or 0) + 1
  end
  function court.complain(rule, text, history, line)
    if #court.violations < MOST then
      table.insert(court.violations, { rule = rule, text = text, history = history.name, line = line })
    end
  end
  return court
end

local function open_case(court, number, history)
  local case = lives.of(history, court.complain)
  prepare(case, number)
  case.group = case.group or ""
  court.cases[case.group] = court.cases[case.group] or {}
  local other = court.cases[case.group][case.address]
  if other then
    court.complain("a", ("%s has another history, %s, and its messages are sought in that"):format(case.address,
      other.history.name), history, 0)
    case.lives = {}
  elseif case.address then
    court.cases[case.group][case.address] = case
  elseif case.settled then
    court.complain("k", "when all was whole it had never joined", case.history, 0)
  end
  return case
end

local function open_cases(court, histories)
  local all, cases = {}, {}
  for number, history in ipairs(histories) do
    local case = open_case(court, number, history)
    cases[number] = case
    for _, stranger in ipairs(case.strangers) do
      court.strangers[stranger.address] = true
    end
    for address in pairs(case.ended) do
      court.strangers[address] = true
    end
    for _, life in ipairs(case.lives) do
      life.group, life.case = case.group, case
      all[#all + 1] = life
    end
  end
  return all, cases
end

local function figures_of(cases, all)
  local figures = { histories = #cases, lives = #all, configurations = 0, messages = 0, deliveries = 0 }
  for _, life in ipairs(all) do
    figures.configurations = figures.configurations + #life.states
    for _, state in ipairs(life.states) do
      figures.deliveries = figures.deliveries + #state.deliveries
    end
  end
  for _, case in ipairs(cases) do
    figures.messages = figures.messages + case.certain
  end
  return figures
end

function judge.judge(histories)
  local court = new_court()
  local all, cases = open_cases(court, histories)
  -- First each sender's own, which say what others may miss.
  for _, life in ipairs(all) do
    place_all(court, life, true)
  end
  for _, case in ipairs(cases) do
    find_straddling(case)
  end
  for _, life in ipairs(all) do
    place_all(court, life, false)
    check_own(court, life, life.case)
  end
  together.compare(court, all)
  places.compare(court, all)
  memberships.compare(court, all)
  reasons.check(court, all, cases)
  for _, of_group in pairs(court.cases) do
    check_settled(court, of_group)
  end
  return { ok = #court.violations == 0, violations = court.violations, exempted = court.exempted,
    figures = figures_of(cases, all) }
end

return judge
