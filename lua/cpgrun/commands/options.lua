-- The command lines of the commands for a shell: cpgrun map, lock, members, send, listen, draw, status and
-- attach.
local argparse = require "argparse"
local converters = require "cpgrun.converters"
local listener = require "cpgrun.listener"
local log = require "cpgrun.log"

local unpack = table.unpack or unpack -- luacheck: ignore 113

local options = {}

local FAILED = 125 -- as session.lua: 1 is a command's "no"

local COMMON = "124: not within --timeout; 125: wrong usage, or another failure; 128 + N: ended by signal N."

local CODES = {
  map = "1: no (no such key, not the old value, not a number); 2: nobody holds the replica; 3: sent, and perhaps "
    .. "applied; ",
  lock = "that of the command; 123: the lock was lost, and the command was ended; 126: the command cannot be run; "
    .. "127: it was not found; ",
  members = "1: the group has no members; ",
  send = "3: sent, and perhaps delivered; ",
  listen = "",
  draw = "",
}

-- The number of words after each action of a map: least and most.
local WORDS = {
  get = { 1, 1 }, set = { 2, 2 }, replace = { 3, 3 }, delete = { 1, 1 }, increment = { 1, 2 }, list = { 0, 1 },
  watch = { 0, 1 }, load = { 0, 0 },
}

local ACTIONS = "get KEY, set KEY VALUE, replace KEY OLD NEW, delete KEY, increment KEY [BY], list [PREFIX], "
  .. "watch [PREFIX] or load"

local function seconds(text)
  local number = tonumber(text)
  if not number or not (number >= 0 and number < 1e9) then
    return nil, ("a number of seconds is at least 0, not '%s'"):format(text)
  end
  return number
end

local function whole(text)
  local number = text:match "^%d+$" and tonumber(text)
  if not number or number < 1 then
    return nil, ("--count takes a whole number from 1, not '%s'"):format(text)
  end
  return number
end

-- "REPLICA.NAME": up to the first dot.
local function part_of_replica(text)
  local replica, name = text:match "^([^.]+)%.(.+)$"
  if not replica or #replica > 120 or #name > 64 then
    return nil, ("'%s' is not a replica's name (1 to 120 bytes), a dot, and a name in it (1 to 64 bytes)")
      :format(text)
  end
  return { replica = replica, name = name }
end

-- `explain`, if given, returns a better message for one of argparse.
local function begin(command, description, explain)
  local p = argparse("cpgrun " .. command, description)
  function p:error(message)
    io.stderr:write(("%s\n\nError: %s\n"):format(self:get_usage(), explain and explain(message) or message))
    os.exit(FAILED, true)
  end
  return p:epilog("Exit status: " .. (command == "lock" and "" or "0; ") .. CODES[command] .. COMMON)
end

local function add_timeout(p, text, default)
  p:option("--timeout", text):argname("SECONDS"):convert(seconds):default(default)
end

local function add_json(p)
  p:flag("--json", "Print JSON, one object or value per line.")
end

local parsers = {}

local function explain_option(message)
  return message:find "^unknown option"
    and message .. "\nWrite -- before a word that begins with - and is not an option."
    or message
end

-- argparse would list the actions without their arguments, or not at all if the action is missing.
local function explain_action(message)
  if message:find("'action' must be one of", 1, true) then
    return "unknown action: the actions are " .. ACTIONS
  elseif message == "missing argument 'action'" then
    return "the action is missing: " .. ACTIONS
  end
  return explain_option(message)
end

function parsers.map()
  local p = begin("map", "Reads or changes a map of a replica, such as one that a script makes with its global map.",
    explain_action)
  p:argument("REPLICA.MAP", "The names of the replica (a script's group) and the map, with a dot between them.")
    :argname("REPLICA.MAP"):target("target"):convert(part_of_replica)
  p:argument("action", ACTIONS .. ".")
    :choices { "get", "set", "replace", "delete", "increment", "list", "watch", "load" }
  p:argument("words", "The action's words. Values are strings, or JSON with --json. load reads standard input: what "
    .. "list --json has printed."):args("*")
  add_json(p)
  p:option("--ttl", "Delete the value after this many seconds."):argname("SECONDS"):convert(seconds)
  add_timeout(p, "How long to wait for the replica and the result (default: 10), or how long to watch (default: "
    .. "forever).")
  return p
end

function parsers.lock()
  local p = begin("lock", "Runs a command while it holds a lock of a replica. The command gets the lock's token as "
    .. "CPGRUN_TOKEN. If the lock is lost, the command and its children get SIGTERM, then SIGKILL.")
  p:usage "Usage: cpgrun lock [-h] [--timeout SECONDS] [--nonblock] [--grace SECONDS] REPLICA.LOCK -- COMMAND ..."
  p:argument("REPLICA.LOCK", "The names of the replica (a script's group) and the lock, with a dot between them.")
    :argname("REPLICA.LOCK"):target("target"):convert(part_of_replica)
  add_timeout(p, "How long to wait for the lock (default: forever).")
  p:flag("--nonblock", "Fail with 124 if another process holds the lock.")
  p:option("--grace", "The time from SIGTERM to SIGKILL. Another process may hold the lock meanwhile.")
    :argname("SECONDS"):convert(seconds):default("1")
  return p
end

local function add_group(p)
  p:argument("GROUP", "The group's name."):argname("GROUP"):target("group"):convert(converters.group_name)
end

function parsers.members()
  local p = begin("members", "Prints the members of a group, each as NODE:PID, without joining it.")
  add_group(p)
  add_json(p)
  return p
end

local function add_pack(p)
  p:flag("--pack", "The group's members pack messages.")
end

function parsers.send()
  local p = begin("send", "Joins a group, sends a message to all members, waits until it is delivered here, and "
    .. "leaves.", explain_option)
  add_group(p)
  p:argument("MESSAGE", "The message; - reads it from standard input."):argname("MESSAGE"):target("message")
  add_pack(p)
  add_timeout(p, "How long to wait for the join, and then for the message.", "10")
  return p
end

function parsers.listen()
  local p = begin("listen", "Joins a group, and prints its messages, each as NODE:PID, a tab, and the message.")
  add_group(p)
  add_json(p)
  add_pack(p)
  p:option("--count", "End after this many messages."):argname("N"):convert(whole)
  add_timeout(p, "End after this many seconds.")
  return p
end

function parsers.draw()
  local p = begin("draw", "Draws traces of several nodes, written by cpgrun --trace, as one page for a browser. If "
    .. "there is a FILE.1, it is read before FILE.")
  p:argument("FILE", "The traces, one per node."):argname("FILE"):target("files"):args("+")
  p:option("-o --output", "The page to write."):argname("FILE"):default("trace.html")
  return p
end

local function begin_for_hosts(command, description)
  local p = argparse("cpgrun " .. command, description)
  p:argument("host", "The name of a script (its file name without .lua), the name of its group, or its process id.")
    :argname("NAME"):args("?")
  p:option("--socket", "The folder of the control sockets, if the scripts were started with --socket."):argname("DIR")
  function p:error(message)
    io.stderr:write(("%s\n\nError: %s\n"):format(self:get_usage(), message))
    os.exit(2, true)
  end
  return p
end

function parsers.status()
  local p = begin_for_hosts("status",
    "Lists the running scripts of this user (as root: of all users), or shows one in detail.")
  add_json(p)
  add_timeout(p, "How long to wait for each script's reply.", "2")
  p:option("--web", "Serve a page that shows the status in a browser and updates it every second, at an address "
    .. "such as 127.0.0.1:8080.")
    :argname("ADDRESS"):convert(listener.parse)
  return p:epilog("Exit status: 0 if all scripts have joined and their replicas are ready; 1: otherwise, or if none is "
    .. "running; 2: wrong usage.")
end

function parsers.attach()
  local p = begin_for_hosts("attach", "Opens a prompt that evaluates Lua in a running script. Standard input that is "
    .. "not a terminal is evaluated as a whole.")
  p:option("-e --execute", "Evaluate this code instead of opening a prompt."):argname("CODE")
  return p:epilog "Exit status: 0; 1: the code has failed, or there is no such script; 2: wrong usage."
end

local finish = {}

local function take_target(parsed)
  parsed.replica, parsed.name = parsed.target.replica, parsed.target.name
end

-- The words of an action that are values.
local VALUES = { set = { 2 }, replace = { 2, 3 } }

local function decode_values(p, parsed)
  for _, i in ipairs(parsed.json and VALUES[parsed.action] or {}) do
    local value, message = require("cpgrun.json").decode(parsed.words[i])
    if value == nil then
      p:error(("'%s' is not JSON: %s"):format(parsed.words[i], message))
    end
    parsed.words[i] = value
  end
end

function finish.map(p, parsed)
  take_target(parsed)
  local limits, count = WORDS[parsed.action], #parsed.words
  if count < limits[1] or count > limits[2] then
    local wanted = limits[1] == limits[2] and log.count(limits[1], "word") or ("%d to %d words"):format(unpack(limits))
    local form = ACTIONS:match(parsed.action .. "[A-Z %[%]]*[A-Z%]]") or parsed.action
    p:error(("%s takes %s, not %d: %s"):format(parsed.action, wanted, count, form))
  elseif parsed.action == "increment" and parsed.words[2] and not tonumber(parsed.words[2]) then
    p:error(("increment takes a number, not '%s'"):format(parsed.words[2]))
  elseif parsed.ttl == 0 then
    p:error "--ttl takes a number of seconds above 0"
  end
  decode_values(p, parsed)
  parsed.ends_after = parsed.timeout
  parsed.timeout = parsed.timeout or 10
end

function finish.lock(_, parsed, command_words)
  take_target(parsed)
  parsed.command_words = command_words
end

-- The parsers by the commands' names.
function options.parsers()
  local made = {}
  for command, make in pairs(parsers) do
    made[command] = make()
  end
  return made
end

-- Whether the first word of the command line is one of these commands.
function options.knows(word)
  return parsers[word] ~= nil
end

local function asks_for_help(words)
  for _, word in ipairs(words) do
    if word == "-h" or word == "--help" then
      return true
    end
  end
  return false
end

-- The words before "--", and those after it, or nil if there are none.
local function split(words)
  local before, after = {}, nil
  for i, word in ipairs(words) do
    if after then
      after[#after + 1] = word
    elseif word == "--" then
      after = i < #words and {} or nil
    else
      before[#before + 1] = word
    end
  end
  return before, after
end

-- Returns a table with the options; ends the process for --help and wrong usage.
function options.parse(argv)
  local command, words, after = argv[1], { unpack(argv, 2) }, nil
  if command == "lock" then
    words, after = split(words)
  end
  local p = parsers[command]()
  if command == "lock" and not after and not asks_for_help(words) then
    p:error "the command is missing: write it after --"
  end
  local parsed = p:parse(words)
  if finish[command] then
    finish[command](p, parsed, after)
  end
  parsed.command, parsed.log_level = command, "info"
  return parsed
end

return options
