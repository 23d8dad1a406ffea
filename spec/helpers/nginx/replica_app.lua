-- The application of the specs' nginx with a replica; its events go to stderr, a line each: pid, kind, details.
local core = require "corosync.binding"
local corosync_resty = require "corosync.resty"

local app = {}

local function tell(...)
  io.stderr:write(table.concat({ ngx.worker.pid(), ... }, " ") .. "\n")
end

local create = core.create_file

-- The node's notes cannot be written while it has this file.
function core.create_file(...)
  local file = io.open "/run/no-notes"
  if file then
    file:close()
    return nil, "cannot create it: No space left on device", "io_error"
  end
  return create(...)
end

local list
local replica = assert(corosync_resty.replica(os.getenv "SPEC_NAME", {
  poll = tonumber(os.getenv "SPEC_POLL"),
  directory = "/run",
  timeout = 3,
  ready = function() tell "ready" end,
  suspended = function(why) tell("suspended", why) end,
  error = function(message) tell("problem", (message:gsub("\n.*", ""))) end,
}))

local function slow_apply(state, command)
  local seconds = command:match "^apply for (%S+) s$"
  if seconds then ngx.sleep(tonumber(seconds)) end
  state[#state + 1] = command
  return #state
end

local second = assert(corosync_resty.replica(os.getenv "SPEC_NAME" .. "-second", { directory = "/run" }))
local other = second:machine("list", { apply = slow_apply })

list = replica:machine("list", {
  apply = function(state, command)
    slow_apply(state, command)
    if command == "bad" then error "a bad one" end
    return #state
  end,
  changed = function(_, command)
    if command == "changed" then
      tell("inner", select(3, list:submit "never"))
      list:submit("by callback", function(result) tell("callback", result and "result") end)
    elseif command == "sleep" then
      ngx.sleep(0.2)
    elseif command == "long sleep" then
      ngx.sleep(6) -- longer than the timeout
    elseif command == "exit " .. ngx.worker.pid() then
      ngx.exit(ngx.ERROR)
    end
  end,
})

local commands = {}

function commands.submit(args)
  for i = 1, tonumber(args.count or 1) do
    local result, message, code = list:submit(args.text .. (args.count and i or ""))
    if not result then return ngx.say(code, ": ", message) end
    if not args.count then ngx.say(result) end
  end
  if args.count then ngx.say "submitted" end
end

-- Two replicas apply at the same time; the first of them is the first to end.
function commands.overlap()
  local threads = {
    ngx.thread.spawn(list.submit, list, "apply for 0.3 s"),
    ngx.thread.spawn(other.submit, other, "apply for 0.5 s"),
  }
  ngx.sleep(0.1)
  ngx.say((select(2, list:submit "during")) or "submitted")
  for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
  ngx.say((select(2, list:submit "after")) or "submitted")
end

function commands.state()
  assert(replica:barrier())
  ngx.say(table.concat(list.state, " "))
end

function commands.status()
  ngx.say((replica:status()))
end

-- The light thread that waits for the lock is ended before it has it.
function commands.lock()
  local lock = replica:lock "x"
  local thread = ngx.thread.spawn(function() lock:acquire() end)
  ngx.say(ngx.thread.kill(thread))
  local held, message = lock:acquire { timeout = 2 }
  ngx.say(message or held:release())
end

function commands.close()
  ngx.say(tostring(replica:close()))
  ngx.say(select(3, list:submit "x"))
end

function commands.close_while_waiting()
  local thread = ngx.thread.spawn(function() return (select(3, list:submit "waiting")) end)
  replica:close()
  ngx.say((select(2, ngx.thread.wait(thread))))
end

function commands.refusals()
  local function raises(...)
    return select(2, pcall(corosync_resty.replica, ...))
  end
  ngx.say(raises("x", { storage = "/x" }))
  ngx.say(raises("x", { timeot = 1 }))
  ngx.say(raises(1))
  ngx.say(select(2, pcall(require "corosync.replica", "x")))
  ngx.say(select(3, corosync_resty.replica(os.getenv "SPEC_NAME")))
end

function app.serve()
  commands[ngx.var.uri:sub(2)](ngx.req.get_uri_args())
end

function app.log()
  tell("log", select(3, list:submit "never"))
  list:submit("from log", function(result) tell("logged", result and "result") end)
end

return app
