-- One of several threads of a process: opens connections of every kind, uses all at once and closes them, repeatedly
-- and unsynchronized. Its argument is its number; THREAD_ROUNDS is the number of rounds.
local core = require "corosync.core"

local number = ...
local ROUNDS = tonumber(os.getenv "THREAD_ROUNDS" or 5)
local GROUPS, MESSAGES, TRACKERS = 2, 300, 3
local LONG = 2000000 -- bytes of a message that goes out in pieces
local DEADLINE = core.now() + 500

local function expect(what, expected, actual)
  if expected ~= actual then
    error(("%s: expected %s, got %s"):format(what, tostring(expected), tostring(actual)), 2)
  end
end

local function dispatch_until(handles, predicate)
  while not predicate() do
    assert(core.now() < DEADLINE, "timed out")
    local busy = 0
    for _, handle in ipairs(handles) do
      busy = busy + assert(handle:dispatch(100))
    end
    if busy == 0 then
      handles[1]:wait(0.01)
    end
  end
end

-- Calls a method of a member until Corosync, whose queue the threads fill, has room for it.
local function insist(handle, method, argument)
  repeat
    local ok, problem, code = handle[method](handle, argument)
    assert(ok or code == "try_again", problem)
    if not ok then
      handle:fetch(0.001)
    end
  until ok
end

-- A member of this thread's own group, and its events.
local function member(index)
  local seen = { messages = 0, members = 0 }
  local handle = assert(core.cpg.open {
    config_change = function(members) seen.members = #members end,
    reader = index == 1 and { after = 0 } or nil,
    pack = (number + index) % 2 == 0,
    message_received = function(address, message)
      if #message == LONG then
        seen.long = true
        return
      end
      seen.messages = seen.messages + 1
      expect("message", ("%d.%d.%d"):format(number, index, seen.messages), message)
      expect("sender", seen.address, address)
    end,
  })
  seen.address = handle:address()
  insist(handle, "join", ("threads.%d.%d"):format(number, index))
  return handle, seen
end

-- Changes seen by this thread's trackers, each of which must report its own key only.
local function track(map)
  local changes, trackers = 0, {}
  for i = 1, TRACKERS do
    local key = ("threads.%d.%d"):format(number, i)
    trackers[i] = assert(map:track(key, function(event, changed)
      expect("key", key, changed)
      changes = changes + (event ~= "delete" and 1 or 0)
    end))
    assert(map:set(key, os.time() % 1000 + i, "u32"))
  end
  return function() return changes >= TRACKERS end, trackers
end

local function round()
  local handles, seen = {}, {}
  for i = 1, GROUPS do
    handles[i], seen[i] = member(i)
  end
  local map = assert(core.cmap.open())
  local quorate
  local quorum = assert(core.quorum.open { quorum_change = function(is) quorate = is end })
  local votes = assert(core.votequorum.open())
  local cfg = assert(core.cfg.open())
  local has_changed, trackers = track(map)
  local all = { handles[1], handles[2], map, quorum }
  for message = 1, MESSAGES do
    for i = 1, GROUPS do
      insist(handles[i], "send", ("%d.%d.%d"):format(number, i, message))
    end
  end
  insist(handles[(number + 1) % 2 + 1], "send", ("x"):rep(LONG))
  dispatch_until(all, function()
    return (seen[1].long or seen[2].long)
      and seen[1].messages == MESSAGES and seen[2].messages == MESSAGES and quorate ~= nil and has_changed()
  end)
  expect("members", 1, seen[1].members)
  expect("quorate", true, quorate)
  expect("listed", 1, #assert(handles[1]:members()))
  assert(votes:info())
  assert(cfg:local_node())
  assert(trackers[1]:cancel())
  for i = 1, TRACKERS do
    assert(map:delete(("threads.%d.%d"):format(number, i)))
  end
  for _, handle in ipairs { map, quorum, votes, cfg, handles[1], handles[2] } do
    assert(handle:close())
  end
end

for _ = 1, ROUNDS do
  round()
end
