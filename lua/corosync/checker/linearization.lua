-- Searches for an order of operations that explains their results and agrees with time, as Wing and Gong (1993) and
-- Lowe (2017) do. An operation takes effect at some moment between its start and its end. Nothing is lost if it takes
-- effect as late as possible: when it ends, or when another one that ends needs it. So the search goes from end to end.
--
-- At each end a configuration (here a term of these authors, not the members of a group) is the state, the operations
-- under way that have taken effect, and how many unknown ones have. The search is depth-first from end to end, and
-- breadth-first within an end, so that as few operations as possible take effect early. It visits no configuration
-- twice. Comments below say which other orders need not be tried.
local blocks = require "corosync.checker.blocks"
local list = require "corosync.list"
local places = require "corosync.checker.places"

local linearization = {}

local LEAST, EACH = 100000, 20 -- steps: of any search, and more for each operation

-- ---- preparation ----

local function by_begin(one, other)
  return one.began < other.began
end

local function by_end(one, other)
  return one.ended < other.ended
end

-- Returns for each end the places of the later ends whose operations had begun.
local function overlaps_of(ends)
  local begins, begun, place_of, active, overlaps = list.copy(ends), 0, {}, {}, {}
  for place, operation in ipairs(ends) do
    place_of[operation] = place
  end
  table.sort(begins, by_begin)
  for place, operation in ipairs(ends) do
    local later = {}
    for _, other in ipairs(active) do
      later[#later + 1] = other > place and other or nil
    end
    while begins[begun + 1] and begins[begun + 1].began <= operation.ended do
      begun = begun + 1
      local other = place_of[begins[begun]]
      later[#later + 1] = other > place and other or nil
    end
    active, overlaps[place] = later, later
  end
  return overlaps
end

-- Unknown operations with the same call differ only in their begin: the earliest may take effect first.
local function group_unknown(operations)
  local groups, by_call = {}, {}
  for _, operation in ipairs(operations) do
    if not by_call[operation.call] then
      by_call[operation.call] = {}
      groups[#groups + 1] = by_call[operation.call]
    end
    table.insert(by_call[operation.call], operation)
  end
  for _, group in ipairs(groups) do
    table.sort(group, by_begin)
  end
  return groups
end

local function prepare(model, operations)
  local ends, unknown = {}, {}
  for _, operation in ipairs(operations) do
    if operation.outcome == "ok" then
      ends[#ends + 1] = operation
    elseif operation.outcome == "unknown" and model.may_matter(operation, operations) then
      unknown[#unknown + 1] = operation
    end
  end
  table.sort(ends, by_end)
  blocks.find(model, ends, unknown)
  return { model = model, ends = ends, overlaps = overlaps_of(ends), groups = group_unknown(unknown), steps = 0,
    limit = LEAST + EACH * #ends, stack = {}, seen = {}, furthest = 0 }
end

-- ---- configurations ----

local function one_more(counts, at)
  local all = {}
  for i, number in ipairs(counts) do
    all[i] = i == at and number + 1 or number
  end
  return all
end

-- Whether a configuration is new at that end; then it is remembered.
local function is_new(self, place, configuration)
  local key = table.concat(configuration.done, ",") .. (configuration.is_unnoticed and "?" or ";")
    .. table.concat(configuration.used, ",")
  self.seen[place] = self.seen[place] or {}
  local states = self.seen[place][key] or {}
  self.seen[place][key] = states
  local was_seen = states[configuration.state]
  states[configuration.state] = true
  return not was_seen
end

local function apply(self, state, operation)
  return self.model.apply[operation.name](state, operation)
end

-- ---- the search ----

-- A pure operation that fits takes effect at once: it changes nothing, so waiting would gain nothing.
local function absorb(self, place, configuration)
  for _, other in ipairs(self.overlaps[place]) do
    local operation = self.ends[other]
    if self.model.is_pure(operation) and not places.has(configuration.done, other)
        and apply(self, configuration.state, operation) then
      configuration.done = places.with(configuration.done, other)
      configuration.is_unnoticed = false
    end
  end
  return configuration
end

-- Goes to the next end whose operation has not taken effect.
local function enter(self, place, configuration)
  local done = configuration.done
  while done[1] == place do
    done, place = places.without_first(done), place + 1
  end
  self.furthest = math.max(self.furthest, place)
  local top = { place = place, queue = {}, head = 1, phase = 1 }
  if place <= #self.ends then
    top.queue[1] = absorb(self, place, { state = configuration.state, done = done, used = configuration.used,
      is_unnoticed = false })
    if not is_new(self, place, top.queue[1]) then
      return
    end
  end
  table.insert(self.stack, top)
end

-- Puts all blocks that lie around that end before a write.
local function take_blocks(self, top, configuration, write)
  local now = self.ends[top.place].ended
  local function take(operation)
    local block = operation ~= write and operation.block
    if block and block.began <= now and block.first > top.place then
      for _, place in ipairs(block.places) do
        configuration.done = places.with(configuration.done, place)
      end
      return true
    end
  end
  for _, place in ipairs(self.overlaps[top.place]) do
    if not places.has(configuration.done, place) then
      take(self.ends[place])
    end
  end
  for i, group in ipairs(self.groups) do
    if configuration.used[i] == 0 and take(group[1]) then
      configuration.used = one_more(configuration.used, i)
    end
  end
end

-- Returns the configuration after an operation, or nil.
local function follow(self, top, configuration, operation)
  local is_blind = self.model.is_blind(operation)
  local state = not (is_blind and configuration.is_unnoticed) and apply(self, configuration.state, operation)
  if not state then
    return nil
  end
  local following = { state = state, done = configuration.done, used = configuration.used,
    is_unnoticed = operation.block ~= nil or operation.outcome == "unknown" }
  if is_blind then
    take_blocks(self, top, following, operation)
  end
  return following
end

local function add(self, top, configuration)
  absorb(self, top.place, configuration)
  if is_new(self, top.place, configuration) then
    table.insert(top.queue, configuration)
  end
end

-- By phase: the ways to go on from a configuration.
local ways = {}

-- The operation that ends takes effect last.
ways[1] = function(self, top, configuration)
  local operation = self.ends[top.place]
  local following = follow(self, top, configuration, operation)
  if following then
    top.phase = self.model.is_pure(operation) and #ways or top.phase -- no other need take effect before a pure one
    enter(self, top.place + 1, following)
  end
end

-- Another one under way takes effect before it.
ways[2] = function(self, top, configuration)
  for _, place in ipairs(self.overlaps[top.place]) do
    local operation = self.ends[place]
    local following = not self.model.is_pure(operation) and not places.has(configuration.done, place)
      and follow(self, top, configuration, operation)
    if following then
      following.done = places.with(following.done, place)
      add(self, top, following)
    end
  end
end

-- Or an unknown one does.
ways[3] = function(self, top, configuration)
  for i, group in ipairs(self.groups) do
    local operation = group[configuration.used[i] + 1]
    local following = operation and operation.began <= self.ends[top.place].ended
      and follow(self, top, configuration, operation)
    if following then
      following.used = one_more(following.used, i)
      add(self, top, following)
    end
  end
end

local function step(self, top)
  local configuration = top.queue[top.head]
  if not configuration then
    table.remove(self.stack)
    return
  end
  ways[top.phase](self, top, configuration)
  top.phase = top.phase + 1
  if top.phase > #ways then
    top.phase, top.head = 1, top.head + 1
  end
end

local function zeros(count)
  local all = {}
  for i = 1, count do
    all[i] = 0
  end
  return all
end

--- Returns "ok"; "impossible" and the operation whose end no order reaches; or "undecided" and the number of steps.
function linearization.search(model, operations)
  local self = prepare(model, operations)
  enter(self, 1, { state = model.initial, done = {}, used = zeros(#self.groups) })
  while #self.stack > 0 do
    local top = self.stack[#self.stack]
    if top.place > #self.ends then
      return "ok"
    elseif self.steps == self.limit then
      return "undecided", self.steps
    end
    self.steps = self.steps + 1
    step(self, top)
  end
  return "impossible", self.ends[self.furthest]
end

return linearization
