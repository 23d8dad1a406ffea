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
  raise = { "%S+" },
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

-- The event of a line: an array with its word and its fields.
local function event_of(line)
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

-- Whether an answer is one to a send that had none.
local function is_answer(event, open)
  if event[1] == "send" then
    open[event[2]] = true
  elseif event[1] == "answer" then
    local is_open = open[event[2]]
    open[event[2]] = nil
    return is_open
  end
  return true
end

function reader.parse(text, name)
  local history, number, open = { name = name, events = {} }, 0, {}
  for line, ending in text:gmatch "([^\n]*)(\n?)" do
    if line == "" and ending == "" then
      break
    end
    number = number + 1
    local event = event_of(line)
    -- A process that was killed may have left half of its last line.
    if event and ending ~= "" and is_answer(event, open) then
      event.line = number
      history.events[#history.events + 1] = event
    elseif ending ~= "" then
      return nil, ("%s:%d: this is no %s: %s"):format(name, number, event and "answer to a send" or "event", line)
    end
  end
  return history
end

return reader
