-- Searches for an order of operations that explains their results and agrees with time, as Wing and Gong (1993) and
-- Lowe (2017) do. An operation takes effect at some moment between its begin and its end. It loses nothing by taking
-- effect as late as possible: when it ends, or when another one that ends needs it. So the search goes from end to end.
--
-- At each end a configuration is the state, the operations under way that have taken effect, and how many of the
-- unknown ones have. The search goes into the depth from end to end, in the breadth within one, so that it lets as few
-- operations as possible take effect early. It visits no configuration twice.
local list = require "corosync.list"

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
  return { model = model, ends = ends, overlaps = overlaps_of(ends), groups = group_unknown(unknown), steps = 0,
    limit = LEAST + EACH * #ends, stack = {}, seen = {}, furthest = 0 }
end

-- ---- configurations ----

local function with(places, place)
  local all, is_in = {}, false
  for _, other in ipairs(places) do
    if other > place and not is_in then
      all[#all + 1], is_in = place, true
    end
    all[#all + 1] = other
  end
  all[#all + 1] = not is_in and place or nil
  return all
end

local function without_first(places)
  local all = {}
  for i = 2, #places do
    all[i - 1] = places[i]
  end
  return all
end

local function has(places, place)
  for _, other in ipairs(places) do
    if other == place then
      return true
    end
  end
  return false
end

local function one_more(counts, at)
  local all = {}
  for i, number in ipairs(counts) do
    all[i] = i == at and number + 1 or number
  end
  return all
end

-- Whether a configuration is new at that end; then it is remembered.
local function is_new(self, place, configuration)
  local key = table.concat(configuration.done, ",") .. ";" .. table.concat(configuration.used, ",")
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

-- Goes to the next end whose operation has not taken effect.
local function enter(self, place, configuration)
  while configuration.done[1] == place do
    configuration = { state = configuration.state, used = configuration.used,
      done = without_first(configuration.done) }
    place = place + 1
  end
  self.furthest = math.max(self.furthest, place)
  if place > #self.ends or is_new(self, place, configuration) then
    table.insert(self.stack, { place = place, queue = { configuration }, head = 1, is_tried = false })
  end
end

local function add(self, top, configuration)
  if is_new(self, top.place, configuration) then
    table.insert(top.queue, configuration)
  end
end

-- Lets each other operation under way take effect before the one that ends.
local function expand(self, top, configuration)
  for _, place in ipairs(self.overlaps[top.place]) do
    local state = not has(configuration.done, place) and apply(self, configuration.state, self.ends[place])
    if state then
      add(self, top, { state = state, used = configuration.used, done = with(configuration.done, place) })
    end
  end
  for i, group in ipairs(self.groups) do
    local operation = group[configuration.used[i] + 1]
    local state = operation and operation.began <= self.ends[top.place].ended
      and apply(self, configuration.state, operation)
    if state then
      add(self, top, { state = state, used = one_more(configuration.used, i), done = configuration.done })
    end
  end
end

local function step(self, top)
  local configuration = top.queue[top.head]
  if not configuration then
    table.remove(self.stack)
  elseif top.is_tried then
    top.head, top.is_tried = top.head + 1, false
    expand(self, top, configuration)
  else
    top.is_tried = true
    local state = apply(self, configuration.state, self.ends[top.place])
    if state then
      enter(self, top.place + 1, { state = state, used = configuration.used, done = configuration.done })
    end
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
