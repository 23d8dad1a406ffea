-- What members that spec/helpers/clients/long_sender.lua runs have delivered, and in which configurations.
local groups = require "spec.helpers.groups"

local long_messages = {}

function long_messages.argv(name, bytes, mode)
  return { groups.interpreter, "spec/helpers/clients/long_sender.lua", name, tostring(bytes), mode }
end

--- Reads a member's lines: its address, what it has got in which configurations, and its errors.
-- `configurations`: an array of those in which it got something, each with its `key`, the ring and members,
-- and the messages as "SENDER NUMBER".
function long_messages.read(program)
  local seen = { configurations = {}, got = {}, sent = 0, problems = {} }
  local present
  for _, line in ipairs(program.lines) do
    local word, rest = line:match "^(%S+) ?(.*)$"
    if word == "joined" then
      seen.address = rest
    elseif word == "in" then
      present = { key = rest }
      table.insert(seen.configurations, present)
    elseif word == "got" then
      local message, bytes = rest:match "^(%S+ %d+) (%S+)$"
      table.insert(present, message)
      if seen.got[message] or bytes == "damaged" then
        table.insert(seen.problems, line)
      end
      seen.got[message] = true
    elseif word == "sent" then
      seen.sent = tonumber(rest)
    elseif word == "stopped" then
      seen.stopped = true
    else
      table.insert(seen.problems, line)
    end
  end
  for _, text in ipairs(program.errors) do
    table.insert(seen.problems, text)
  end
  return seen
end

--- The number of own messages that have come back.
function long_messages.sent(program)
  for i = #program.lines, 1, -1 do
    local number = program.lines[i]:match "^sent (%d+)$"
    if number then
      return tonumber(number)
    end
  end
  return 0
end

--- What a member got in each configuration in which it got something, by the ring and members, as one text.
function long_messages.by_configuration(seen)
  local found = {}
  for _, configuration in ipairs(seen.configurations) do
    local text = table.concat(configuration, "; ")
    found[configuration.key] = found[configuration.key] and found[configuration.key] .. "; " .. text or text
  end
  return found
end

--- What the members that spec/helpers/clients/long_churn.lua runs have got: by message, then by member, the members at
-- that time.
function long_messages.crowd(program)
  local got = {}
  for _, line in ipairs(program.lines) do
    local member, message, members = line:match "^got (%S+) (%S+ %d+) (%S+)$"
    if member then
      got[message] = got[message] or {}
      got[message][member] = got[message][member] and "twice" or members
    elseif line ~= "ready" then
      error(line)
    end
  end
  return got
end

return long_messages
