-- With datagram sockets: a large frame that would not fit in a datagram; and all that nests descriptors, at once.
local corosync = require "corosync"
local cpg = require "corosync.cpg"
local cqueues = require "cqueues"

local MESSAGES = 2000

local function large_frames()
  local got, joined = 0, false
  local handle = assert(cpg.open {
    config_change = function() joined = true end,
    message_received = function() got = got + 1 end,
    pack = { bytes = 1000000 },
  })
  local function turn()
    if handle:wait(10) then assert(handle:dispatch()) end
  end
  assert(handle:join "large frames")
  while not joined do turn() end
  for _ = 1, MESSAGES do
    local deadline = os.time() + 120
    local ok, why, code
    repeat
      ok, why, code = handle:send(("x"):rep(1000))
      if code == "try_again" then turn() end
    until ok or code ~= "try_again" or os.time() > deadline
    assert(ok, why)
  end
  local deadline = os.time() + 120
  while got < MESSAGES do
    assert(os.time() < deadline, "timed out")
    turn()
  end
  assert(handle:leave())
  handle:close()
end

local function nested_descriptors()
  local seen
  local group = corosync.group("nested descriptors", {
    message_received = function(_, message) seen = message end,
    pack = true,
    reader = true,
    view_change = function() end,
  })
  assert(group:activate())
  local controller = cqueues.new()
  controller:wrap(function()
    while assert(group:dispatch()) and not seen do cqueues.poll(group) end
  end)
  controller:wrap(function() assert(group:send_message "sent") end)
  assert(controller:loop(60))
  assert(seen == "sent")
  assert(group:deactivate())
end

large_frames()
nested_descriptors()
