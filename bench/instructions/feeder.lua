-- Another member of the group, which is not measured: sends COUNT messages and ends when all have come back, so that
-- they wait for the other members; or joins and leaves COUNT times.
--
--   feeder.lua GROUP send COUNT SIZE [pack]
--   feeder.lua GROUP change COUNT
local core = require "corosync.core"

local name, what, count, size = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])

local function turn(handle)
  assert(handle:wait(10))
  repeat
    local _, more = assert(handle:dispatch())
  until not more
end

-- A new member: returns its handle, and a function that leaves and returns after the leave.
local function join(on_message)
  local handle, own, is_member
  handle = assert(core.cpg.open {
    message_received = on_message,
    pack = arg[5] == "pack",
    config_change = function(_, left, joined)
      for _, address in ipairs(joined) do
        is_member = is_member or address == own
      end
      for _, address in ipairs(left) do
        is_member = is_member and address ~= own
      end
    end,
  })
  own = handle:address()
  assert(handle:join(name))
  repeat turn(handle) until is_member
  return handle, function()
    assert(handle:leave())
    repeat turn(handle) until not is_member
    handle:close()
  end
end

local function send()
  local received = 0
  local handle, leave = join(function() received = received + 1 end)
  local message = ("m"):rep(size)
  for _ = 1, count do
    local sent, problem, code
    repeat
      sent, problem, code = handle:send(message)
      if code == "try_again" then
        turn(handle)
      end
    until sent or code ~= "try_again"
    assert(sent, problem)
  end
  repeat turn(handle) until received == count
  leave()
end

local function change()
  for _ = 1, count / 2 do
    local _, leave = join()
    leave()
  end
end

assert(({ send = send, change = change })[what])()
