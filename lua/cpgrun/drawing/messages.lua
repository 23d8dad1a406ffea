-- Matches deliveries with sends, by the digests of messages. A member delivers equal messages of a sender in their
-- order, so each delivery is of the one after the last. After a join or a cut the last is unknown: then the delivery is
-- of the message that its sender delivered at about that time.
local messages = {}

local function list_of(self, group, sender, digest)
  local key = table.concat({ group, sender, digest }, "\n")
  self.lists[key] = self.lists[key] or {}
  return self.lists[key]
end

local function add(self, event, sender, list)
  local message = { sender = sender, group = event.group, digest = event[3], text = event[4] or "", time = event.time }
  self.all[#self.all + 1], list[#list + 1] = message, message
  return message
end

-- ---- the sender's own history ----

local own = {}

function own.send(self, state, event)
  local message = add(self, event, state.address, list_of(self, event.group, state.address, event[3]))
  message.send, event.message, state.open[event[2]] = event, message, message
  local key = event.group .. "\n" .. event[3]
  state.waiting[key] = state.waiting[key] or { first = 1 }
  table.insert(state.waiting[key], message)
end

function own.answer(_, state, event)
  local message = state.open[event[2]]
  if message and event[3] ~= "true" then
    message.refused = event[3]
  end
  state.open[event[2]] = nil
end

-- The first one that waits and whose send did not fail.
local function next_waiting(waiting)
  while waiting and waiting[waiting.first] do
    local message = waiting[waiting.first]
    waiting.first = waiting.first + 1
    if not message.refused then
      return message
    end
  end
end

function own.message(self, state, event)
  if event[2] == state.address then
    local message = next_waiting(state.waiting[event.group .. "\n" .. event[3]])
      or add(self, event, state.address, list_of(self, event.group, state.address, event[3]))
    message.time, event.message = event.time, message
  end
end

function own.lost(_, state)
  state.waiting = {}
end

-- ---- the others' ----

local function nearest(list, from, time)
  local best, distance
  for i = from, #list do
    local away = math.abs(list[i].time - time)
    if not list[i].refused and (not best or away < distance) then
      best, distance = i, away
    end
  end
  return best
end

local others = {}

function others.message(self, state, event)
  if event[2] == state.address then
    return
  end
  local list = list_of(self, event.group, event[2], event[3])
  local last = state.last[list]
  local i = last and state.is_exact[list] and last + 1 or nearest(list, (last or 0) + 1, event.time)
  while i and list[i] and list[i].refused do
    i = i + 1
  end
  if not i or not list[i] then
    add(self, event, event[2], list)
    i = #list
  end
  event.message, state.last[list], state.is_exact[list] = list[i], i, true
end

function others.config(_, state, event)
  if event[5]:find("=nodeup", 1, true) or event[5]:find(state.address .. "=", 1, true) then
    state.is_exact = {}
  end
end

-- ---- both ----

local function replay(self, process, by_word)
  local state = { address = process.address, open = {}, waiting = {}, last = {}, is_exact = {} }
  for _, event in ipairs(process.events) do
    if by_word[event[1]] then
      by_word[event[1]](self, state, event)
    end
  end
end

-- Returns all messages: each with `sender`, `digest`, `text`, and, if known, `send` (the event) and `refused` (a code).
-- The events of sends and deliveries get their `message`.
function messages.match(processes)
  local self = { all = {}, lists = {} }
  for _, process in ipairs(processes) do
    replay(self, process, own)
  end
  for _, process in ipairs(processes) do
    replay(self, process, others)
  end
  return self.all
end

return messages
