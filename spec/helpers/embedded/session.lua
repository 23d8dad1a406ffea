-- Uses every part of the core once. Returns true at the end of a part; a refused request ends it with an error or a
-- failure.
local core = require "corosync.core"

local function must(value, message)
  if value == nil then
    error(message, 0)
  end
  return value
end

-- The daemon takes a while to notice that the handle of an earlier session is closed; and its membership may change.
local PASSING = { exist = true, try_again = true }

local function join(handle)
  local deadline = core.now() + 60
  local ok, message, code = handle:join "session"
  while PASSING[code] and core.now() < deadline do
    ok, message, code = handle:join "session"
  end
  must(ok, message)
end

local parts = {}

function parts.cpg()
  local seen = 0
  local handle = must(core.cpg.open {
    config_change = function() end,
    message_received = function(_, message) seen = seen + #message end,
    reader = { after = 0 },
    error = function(message) error(message, 0) end,
  })
  join(handle)
  must(handle:send "one")
  must(handle:send { "t", "wo" })
  local deadline = core.now() + 60
  while seen < 6 do
    must(handle:wait(1))
    must(handle:dispatch())
    must(core.now() < deadline or nil, "late")
  end
  must(handle:address())
  must(handle:close())
end

function parts.packed()
  local seen = 0
  local handle = must(core.cpg.open {
    message_received = function(_, message) seen = seen + #message end,
    pack = true,
    reader = { after = 0 },
    error = function(message) error(message, 0) end,
  })
  join(handle)
  local long = ("x"):rep(1100000) -- goes out in pieces
  must(handle:send "one")
  must(handle:send { "t", "wo" })
  local deadline = core.now() + 60
  local ok, message, code = handle:send(long)
  while seen < 6 + #long do
    must(ok or code == "try_again" or nil, message)
    must(handle:wait(1))
    must(handle:dispatch())
    if not ok then
      ok, message, code = handle:send(long)
    end
    must(core.now() < deadline or nil, "late")
  end
  must(handle:flush())
  must(handle:close())
end

function parts.receive()
  local handle = must(core.cpg.open {})
  join(handle)
  must(handle:send "three")
  repeat
    must(handle:wait(1))
    local event, message, code = handle:receive()
    must(event or not code or nil, message)
  until event == "message"
  must(#must(handle:members()) == 1 or nil, "members")
  for name, members in must(handle:groups()) do must(name and members) end
  must(handle:close())
end

-- The handler and the error handler raise.
function parts.failing()
  local seen = 0
  local handle = must(core.cpg.open {
    message_received = function() seen = seen + 1 error {} end,
    error = function() error(0.1) end, -- as a string it takes memory
  })
  join(handle)
  must(handle:send "one")
  local deadline = core.now() + 60
  while seen == 0 do
    must(handle:wait(1))
    must(handle:dispatch())
    must(core.now() < deadline or nil, "late")
  end
  must(handle:close())
end

function parts.cmap()
  local map = must(core.cmap.open())
  must(map:get "totem.version")
  must(map:set("session.key", 5, "u32"))
  must(map:track("session.", function() end))
  must(map:delete "session.key")
  for key in must(map:each "totem.version") do must(key) end
  must(map:dispatch())
  must(map:close())
end

function parts.quorum()
  local quorum = must(core.quorum.open { quorum_change = function() end, nodelist_change = function() end })
  must(quorum:wait(1))
  must(quorum:dispatch())
  must(quorum:quorate())
  local gather = must(core.pollset(quorum:fd()))
  gather:arm(1)
  gather:close()
  must(quorum:close())
end

function parts.votequorum()
  local votes = must(core.votequorum.open {})
  must(votes:info())
  must(votes:close())
end

function parts.cfg()
  local cfg = must(core.cfg.open {})
  must(cfg:local_node())
  must(cfg:ring_status())
  must(cfg:close())
end

parts[...]()
return true
