-- Parses a history, as the recorder writes it, into events.
local parser = {}

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
  -- Operations: the number, the time, the object, the key and the call; the index and the result; or the code.
  invoke = { "%d+", "%d+%.%d+", "%S+", "%S+", "%S.*" },
  query = { "%d+", "%d+%.%d+", "%S+", "%S+", "%S.*" },
  ok = { "%d+", "%d+%.%d+", "[%d-]%d*", "%S+" },
  failed = { "%d+", "%d+%.%d+", "%S+" },
  unknown = { "%d+", "%d+%.%d+", "%S+" },
  -- A kind and a value of it; the time, the name that is held and the token.
  unique = { "%S+", "%S+" },
  holds = { "%d+%.%d+", "%S+", "%d+" },
  released = { "%d+%.%d+", "%S+" },
  -- Not judged. The time of the next event, in seconds since 1970; a lock of a replica and its token; whether a replica
  -- is ready, and why not.
  time = { "%d+%.%d+" },
  start = {},
  quorum = { "%l+" },
  locked = { "%S+", "%d+" },
  unlocked = { "%S+" },
  ready = {},
  observing = {},
  suspended = { ".+" },
}


local PATTERNS = {}
for word, fields in pairs(FIELDS) do
  local parts = { "^" .. word }
  for _, field in ipairs(fields) do
    parts[#parts + 1] = " (" .. field .. ")"
  end
  PATTERNS[word] = table.concat(parts) .. "$"
end

-- The message's first bytes may follow.
local WITH_TEXT = {}
for _, word in ipairs { "message", "send" } do
  WITH_TEXT[word] = PATTERNS[word]:gsub("%$$", " (.*)$")
end

local function is_list(text, item)
  return text == "-" or ("," .. text):gsub("," .. item, "") == ""
end

local function are_lists(members, left, joined)
  local with_reason = "%d+:%d+=%w+"
  return is_list(members, "%d+:%d+") and is_list(left, with_reason) and is_list(joined, with_reason)
end

-- Returns the event of a line, an array with its word and its fields; nil for a line that is no event.
function parser.event_of(line)
  local word = line:match "^%l+" or ""
  if not PATTERNS[word] then
    return nil
  end
  local event = { word, line:match(PATTERNS[word]) }
  if not event[2] and WITH_TEXT[word] then
    event = { word, line:match(WITH_TEXT[word]) }
  end
  if not event[2] or word == "config" and not are_lists(event[3], event[4], event[5]) then
    return nil
  elseif #FIELDS[word] == 0 then
    return { word }
  end
  return event
end

-- By word, for events that are valid only after certain others: each returns the problem, or nil. `seen` has the state
-- of each send by its number, that of each operation, and whether the group has been named.
local problem_with = {}

function problem_with.group(_, seen)
  local is_second = seen.group
  seen.group = true
  return is_second and "the group is named twice" or nil
end

function problem_with.send(event, seen)
  local is_second = seen[event[2]] ~= nil
  seen[event[2]] = "open"
  return is_second and "the number of this send is in use" or nil
end

function problem_with.answer(event, seen)
  local is_open = seen[event[2]] == "open"
  seen[event[2]] = "answered"
  return not is_open and "no send of this number is open" or nil
end

function problem_with.invoke(event, seen)
  local is_second = seen.operations[event[2]] ~= nil
  seen.operations[event[2]] = "open"
  return is_second and "the number of this operation is in use" or nil
end

problem_with.query = problem_with.invoke

function problem_with.ok(event, seen)
  local is_open = seen.operations[event[2]] == "open"
  seen.operations[event[2]] = "ended"
  return not is_open and "no operation of this number is open" or nil
end

problem_with.failed, problem_with.unknown = problem_with.ok, problem_with.ok

local function problem_of(event, seen)
  if not event then
    return "this is no event"
  end
  return problem_with[event[1]] and problem_with[event[1]](event, seen)
end

--- Returns a history: its `name` and its `events`; each event has its `line`.
function parser.parse(text, name)
  local history, number, seen = { name = name, events = {} }, 0, { operations = {} }
  for line, ending in text:gmatch "([^\n]*)(\n?)" do
    -- A process that was killed may have left half of its last line.
    if ending == "" then
      break
    end
    number = number + 1
    local event = parser.event_of(line)
    local problem = problem_of(event, seen)
    if problem then
      return nil, ("%s:%d: %s: %s"):format(name, number, problem, line), "invalid"
    end
    event.line = number
    history.events[#history.events + 1] = event
  end
  return history
end

return parser
