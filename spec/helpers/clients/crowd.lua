-- Many members of a group, a process each: forks them, each of which runs the commands in messages to the group.
--
--   lua spec/helpers/clients/crowd.lua GROUP COUNT
--
--   report            writes a line: seen ADDRESS CHANGES DIGEST MEMBERS LISTED REASONS|PROBLEM
--   leave 1:20 1:21   leave and end
--   drop 1:20         end without leaving
--   end               all end
local changes = require "spec.helpers.membership_changes"
local cpg = require "corosync.cpg"
local process = require "spec_process"
local uv = require "luv"

local name, count = arg[1], tonumber(arg[2])
local DEADLINE = 300
io.stdout:setvbuf "line"

local handle, is_over
local log = changes.new()

-- So many members at once fill Corosync's queue.
local function persist(try)
  local result, message, code = try()
  while code == "try_again" do
    uv.sleep(10)
    result, message, code = try()
  end
  return assert(result, message)
end

local function own() return tostring(handle:address()) end

local function is_named(text)
  return (" " .. text .. " "):find(" " .. own() .. " ", 1, true) ~= nil
end

local commands = {}

function commands.report()
  print(("seen %s %d %d %d %d %s"):format(own(), #log.sums, log:digest(#log.sums), #log.members,
    #assert(handle:members(name)), log.problem or log:reasons_told()))
end

function commands.leave(who)
  if is_named(who) then
    persist(function() return handle:leave() end)
  end
end

function commands.drop(who)
  is_over = is_over or is_named(who)
end

commands["end"] = function() is_over = true end

local function on_change(members, left, joined)
  log:note(members, left, joined)
  for _, address in ipairs(left) do
    is_over = is_over or tostring(address) == own()
  end
end

local function on_message(_, message)
  local command, argument = message:match "^(%a+)%d* ?(.*)$"
  commands[command](argument)
end

local function open()
  return cpg.open { config_change = on_change, message_received = on_message,
    error = function(message) log.problem = log.problem or message end }
end

local function be_member()
  handle = persist(open)
  persist(function() return handle:join(name) end)
  while not is_over do
    assert(handle:wait(DEADLINE), "no event for too long")
    assert(handle:dispatch(1))
  end
  handle:close()
end

for _ = 1, count do
  if process.fork_here() == 0 then
    be_member()
    os.exit(0)
  end
end
process.stay()
