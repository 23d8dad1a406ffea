-- A member of a group as a program of its own: prints a line for each event and runs the commands of its input.
--
--   lua spec/helpers/clients/member.lua NAME [pack]
--
--   members 1:20,2:21         the members, the last line of each configuration
--   left 2:21=leave           the leaves, with reasons
--   came 2:21=join            the joins, with reasons
--   message 1:20 text
--   disconnected reason
--
-- Input: `send COUNT TAG`, `leave`, `try` (sends once and prints the result), `ask` (quorum and a key of cmap).
local corosync = require "corosync"
local uv = require "luv"

io.stdout:setvbuf "line"

local function list(addresses, with_reason)
  local texts = {}
  for i, address in ipairs(addresses) do
    texts[i] = tostring(address) .. (with_reason and "=" .. address.reason or "")
  end
  table.sort(texts)
  return table.concat(texts, ",")
end

local group = corosync.group(arg[1], {
  pack = arg[2] == "pack",
  config_change = function(members, left, joined)
    if #left > 0 then print("left " .. list(left, true)) end
    if #joined > 0 then print("came " .. list(joined, true)) end
    print("members " .. list(members))
  end,
  message_received = function(address, message)
    print(("message %s %s"):format(tostring(address), message))
  end,
  disconnected = function(reason)
    print("disconnected " .. reason)
  end,
})

local function tell(what, ok, message, code)
  print(("%s %s %s"):format(what, tostring(ok), tostring(ok and message or code)))
end

local commands = {}

function commands.send(count, tag)
  for i = 1, tonumber(count) do
    assert(group:send_message(tag .. i))
  end
end

function commands.leave()
  tell("leave", group:deactivate())
end

function commands.try()
  tell("try", group:send_message "try")
end

function commands.ask()
  tell("quorate", group:is_quorate())
  tell("version", group:cmap_get "totem.version")
end

local input, rest = uv.new_pipe(false), ""
input:open(0)
input:read_start(function(_, data)
  rest = rest .. (data or "")
  rest = rest:gsub("([^\n]*)\n", function(line)
    local name, first, second = line:match "^(%S+) ?(%S*) ?(%S*)$"
    commands[name](first, second)
    return ""
  end)
end)
-- The group alone keeps the loop running.
input:unref()

assert(corosync.loop.add(group))
corosync.loop.run()
tell("active", group:is_active(), "")
tell("try", group:send_message "try")
print "end"
