-- A member with views and a reader, and services that track, as a program of its own. It prints its events; each line
-- on stdin is sent to the group and stored in the configuration map.
local corosync = require "corosync"
local service = require "corosync.service"
local uv = require "luv"
io.stdout:setvbuf "line"

local function teller(what)
  return function() print(what) end
end

local group = corosync.group("carried", {
  settle = 0,
  reader = true,
  message_received = function(_, message) print("message", message) end,
  view_change = function(view) print("view", view.quorate, #view.members) end,
  disconnected = teller "group lost",
})
local map = assert(service.cmap("icmap", { disconnected = teller "cmap lost", connected = teller "cmap back" }))
assert(map:track("carried.", function(event, key, new) print(event, key, new) end))
local quorum = assert(service.quorum {
  quorum_change = function(quorate) print("quorum", quorate) end,
  disconnected = teller "quorum lost",
})
for _, each in ipairs { group, map, quorum } do
  assert(corosync.loop.add(each))
end

local input, rest = uv.new_pipe(false), ""
input:open(0)
input:read_start(function(_, data)
  rest = rest .. (data or "")
  rest = rest:gsub("([^\n]*)\n", function(line)
    assert(group:send_message(line))
    assert(map:set("carried.key", line, "string"))
    return ""
  end)
  if not data then corosync.loop.stop() end
end)
corosync.loop.run()
