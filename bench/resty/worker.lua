-- The application of the nginx that bench/resty_node.lua measures.
local core = require "corosync.core"
local corosync_resty = require "corosync.resty"

local worker = { count = 0 }

local function tell(...)
  io.stderr:write("result " .. table.concat({ ngx.worker.pid(), ... }, " ") .. "\n")
end

local on = {}

function on.first()
  worker.from, worker.count = core.now(), 0
end

function on.last()
  tell("rate", worker.count, ("%.6f"):format(core.now() - worker.from))
end

function on.at(text)
  tell("latency", ("%.1f"):format((core.now() - tonumber(text)) * 1e6))
end

local function message_received(_, message)
  worker.count = worker.count + 1
  local kind, rest = message:match "^(%l+) ?(.*)$"
  if kind and on[kind] then on[kind](rest) end
end

-- `per` "none": without a group.
function worker.start(options)
  if options.per == "none" then return end
  worker.group = assert(corosync_resty.group("bench", {
    config_change = function(members, _, joined)
      for _, each in ipairs(joined) do
        if each == worker.group:address() then tell("config", #members) end
      end
    end,
    disconnected = function(reason) tell("disconnected", reason) end,
    message_received = message_received,
    pack = options.pack,
  }, { per = options.per }))
end

-- Sends one message at a time; each says when it was sent.
function worker.ping()
  local args = ngx.req.get_uri_args()
  for _ = 1, tonumber(args.count) do
    assert(worker.group:send_message(("at %.9f"):format(core.now())))
    ngx.sleep(tonumber(args.pause))
  end
  ngx.say "done"
end

-- Many light threads of one request send, each waiting for its result.
function worker.flood()
  local args = ngx.req.get_uri_args()
  local threads, message, from = {}, ("0"):rep(50), core.now()
  local each = math.floor(tonumber(args.count) / tonumber(args.threads))
  for i = 1, tonumber(args.threads) do
    threads[i] = ngx.thread.spawn(function()
      for _ = 1, each do assert(worker.group:send_message(message)) end
    end)
  end
  for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
  ngx.say(("%.0f"):format(each * #threads / (core.now() - from)))
end

return worker
