-- A member of a replica with a map "m" as a program of its own. It prints a line for each event and runs the commands
-- of its input.
--
--   lua spec/helpers/clients/map_member.lua REPLICA
--
--   ready
--   restarted
--   told KEY NEW OLD INDEX    a watcher's call
--   done WHAT RESULT CODE     the result of a command
--   list KEY=VALUE,...
--   counted CONFIRMED UNSURE  increments
--
-- Input: `set KEY VALUE [TTL]`, `delete KEY`, `list`, `count` (increments again and again, until `end`), `end`.
local loop = require "corosync.loop"
local replica = require "corosync.replica"
local uv = require "luv"

io.stdout:setvbuf "line"

local app = assert(replica(arg[1], { timeout = 3, patience = 2, ready = function() print "ready" end }))
local map = app:map "m"

map:watch("", function(key, new, old, index)
  print(("told %s %s %s %.0f"):format(key, tostring(new), tostring(old), index))
end, function() print "restarted" end)

local commands = {}

local function done(what)
  return function(result, _, code) print(("done %s %s %s"):format(what, tostring(result), tostring(code))) end
end

function commands.set(key, value, ttl)
  assert(map:set(key, value, { ttl = tonumber(ttl) }, done("set " .. key)))
end

function commands.delete(key)
  assert(map:delete(key, done("delete " .. key)))
end

function commands.list()
  local found = {}
  for key, value in map:each() do
    found[#found + 1] = key .. "=" .. tostring(value)
  end
  print("list " .. table.concat(found, ","))
end

local is_counting

function commands.count()
  is_counting = true
  local confirmed, unsure = 0, 0
  coroutine.wrap(function()
    while is_counting do
      local sum, _, code = map:increment "visits"
      confirmed = confirmed + (sum and 1 or 0)
      unsure = unsure + ((code == "uncertain" or code == "applied") and 1 or 0)
      if not sum and code ~= "uncertain" and code ~= "applied" and code ~= "not_ready" then
        print("problem " .. code)
        is_counting = false
      end
    end
    print(("counted %d %d"):format(confirmed, unsure))
  end)()
end

commands["end"] = function() is_counting = false end

local input, rest = uv.new_pipe(false), ""
input:open(0)
input:read_start(function(_, data)
  rest = (rest .. (data or "")):gsub("([^\n]*)\n", function(line)
    local words = {}
    for word in line:gmatch "%S+" do
      words[#words + 1] = word
    end
    commands[words[1]]((table.unpack or unpack)(words, 2)) -- luacheck: ignore 113
    return ""
  end)
end)

loop.run()
