-- Reads what the recorder has written.
local reader = {}

-- By the word that begins a line: the fields' patterns.
local FIELDS = {
  group = { ".+" },
  config = { "%d+:%d+", "%S+", "%S+", "%S+" },
  ring = { "%d+:%S+" },
  message = { "%d+:%d+", "%d+:%x+" },
  send = { "%d+", "%d+:%x+" },
  answer = { "%d+", "%S+" },
  activate = {},
  deactivate = {},
  lost = {},
  error = { ".*" },
  quiet = {},
  settled = {},
  raise = { "[%w_]+" },
  usage = { "%d+", "%d+" },
}

local PATTERNS = {}
for word, fields in pairs(FIELDS) do
  local parts = { "^" .. word }
  for _, field in ipairs(fields) do
    parts[#parts + 1] = " (" .. field .. ")"
  end
  PATTERNS[word] = table.concat(parts) .. "$"
end

local function is_list(text, item)
  return text == "-" or ("," .. text):gsub("," .. item, "") == ""
end

local function are_lists(members, left, joined)
  local with_reason = "%d+:%d+=%w+"
  return is_list(members, "%d+:%d+") and is_list(left, with_reason) and is_list(joined, with_reason)
end

-- The event of a line: an array with its word and its fields; nil when it is none.
function reader.event_of(line)
  local pattern = PATTERNS[line:match "^%l+" or ""]
  if not pattern then
    return nil
  end
  local first, second, third, fourth = line:match(pattern)
  if not first or fourth and not are_lists(second, third, fourth) then
    return nil
  end
  local word = line:match "^%l+"
  if #FIELDS[word] == 0 then
    return { word }
  end
  return { word, first, second, third, fourth }
end

-- By word: what is missed of an event that cannot come where it does; nil when it can. `seen` has the state of each
-- send by its number, and whether the group has been named.
local missed = {}

function missed.group(_, seen)
  local is_second = seen.group
  seen.group = true
  return is_second and "first name of a group" or nil
end

function missed.send(event, seen)
  local is_second = seen[event[2]] ~= nil
  seen[event[2]] = "open"
  return is_second and "first send of that number" or nil
end

function missed.answer(event, seen)
  local is_open = seen[event[2]] == "open"
  seen[event[2]] = "answered"
  return not is_open and "answer to a send" or nil
end

-- What a line is not; nil when it is an event where it stands.
local function missed_of(event, seen)
  if not event then
    return "event"
  end
  return missed[event[1]] and missed[event[1]](event, seen)
end

function reader.parse(text, name)
  local history, number, seen = { name = name, events = {} }, 0, {}
  for line, ending in text:gmatch "([^\n]*)(\n?)" do
    -- A process that was killed may have left half of its last line.
    if ending == "" then
      break
    end
    number = number + 1
    local event = reader.event_of(line)
    local what = missed_of(event, seen)
    if what then
      return nil, ("%s:%d: this is no %s: %s"):format(name, number, what, line), "invalid"
    end
    event.line = number
    history.events[#history.events + 1] = event
  end
  return history
end

return reader
