-- A group and a handle in a controller of cqueues until their daemon dies; prints the events of each. The group goes on
-- until it has rejoined.
local corosync = require "corosync"
local cqueues = require "cqueues"
io.stdout:setvbuf "line"

local ready, lost = 0, false
local function is_ready()
  ready = ready + 1
  if ready == 2 then print "ready" end
end

local group
group = corosync.group("polled", {
  config_change = function(_, _, joined)
    if lost and #joined > 0 then
      print("group", "is back")
      group:deactivate()
    elseif not lost then
      is_ready()
    end
  end,
  view_change = function() end,
  disconnected = function(reason)
    lost = true
    print("group", reason:match "has gone")
  end,
})
local handle = assert(corosync.cpg.open {})

local controller = cqueues.new()
controller:wrap(function()
  assert(group:activate())
  while group:dispatch() do cqueues.poll(group) end
  print("dispatch", select(3, group:dispatch()))
end)
controller:wrap(function()
  assert(handle:join "polled too")
  local event, _, code
  repeat
    cqueues.poll(handle)
    event, _, code = handle:receive()
    if event == "config" then is_ready() end
  until code == "not_connected"
  print("receive", code, handle:pollfd() >= 0, handle:timeout())
  cqueues.cancel(handle)
  handle:close()
end)
assert(controller:loop())
print "end"
