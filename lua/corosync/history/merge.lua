-- One process may have several objects for a group, one after the other, and then has as many histories: they are put
-- together as one.
local merge = {}

local function has_own(event, field)
  return event[1] == "config" and ("," .. event[field]):find("," .. event[2] .. "=", 1, true) ~= nil
end

local function leaves(event)
  return event[1] == "lost" or has_own(event, 4)
end

local function joins(event)
  return has_own(event, 5)
end

-- Sends are numbered by the process, so that a life comes after another if its sends do.
local function note_number(part, event)
  if event[1] == "answer" and event[3] == "true" and not part.has_sent then
    part.number, part.has_sent = math.max(part.number, tonumber(event[2])), true
  end
end

-- Cuts a history where its lives end, so that what comes before a join goes with it.
local function add_parts(parts, history)
  local part = { number = 0 }
  local function cut()
    parts[#parts + 1] = part
    part = { number = part.number }
  end
  for _, event in ipairs(history.events) do
    if joins(event) and part.has_life then
      cut()
    end
    part.has_life = part.has_life or joins(event)
    part[#part + 1] = event
    note_number(part, event)
    if leaves(event) then
      cut()
    end
  end
  cut()
end

local function events_of(histories)
  local parts, events = {}, {}
  for _, history in ipairs(histories) do
    add_parts(parts, history)
  end
  for i, part in ipairs(parts) do
    part.place = i
  end
  table.sort(parts, function(one, other)
    if one.number ~= other.number then
      return one.number < other.number
    end
    return one.place < other.place
  end)
  for _, part in ipairs(parts) do
    for _, event in ipairs(part) do
      events[#events + 1] = event
    end
  end
  return events
end

-- Whose a history is: its group and its address, if it has one.
local function owner_of(history)
  local group
  for _, event in ipairs(history.events) do
    if event[1] == "group" then
      group = event[2]
    elseif joins(event) then
      return (group or "") .. "\n" .. event[2]
    end
  end
end

-- Answers an array with the events of each owner: a table with `events` and `history`, its first.
function merge.all(histories)
  local merged, found = {}, {}
  for _, history in ipairs(histories) do
    local owner = owner_of(history)
    local each = owner and found[owner]
    if not each then
      each = { histories = {}, history = history }
      merged[#merged + 1] = each
      found[owner or each] = each
    end
    table.insert(each.histories, history)
  end
  for _, each in ipairs(merged) do
    each.events = #each.histories > 1 and events_of(each.histories) or each.history.events
  end
  return merged
end

return merge
