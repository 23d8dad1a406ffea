-- The members of one large group, one process each.
--
--   members.lua member GROUP            joins, and stays until it is killed
--   members.lua churn GROUP COUNT       joins and leaves COUNT times, with a new handle each time, as fast as it can
--   members.lua observe GROUP COUNT     joins, and prints the cost of COUNT changes
local core = require "corosync.core"

local what, name, count = arg[1], arg[2], tonumber(arg[3])

local function contains(addresses, address)
  for _, each in ipairs(addresses) do
    if each == address then
      return true
    end
  end
  return false
end

local function turn(handle)
  assert(handle:wait(60), "no event for a minute")
  repeat
    local _, more = assert(handle:dispatch())
  until not more
end

local function open(on_change)
  local handle, own
  local seen = { is_member = false }
  handle = assert(core.cpg.open {
    config_change = function(members, left, joined)
      seen.is_member = (seen.is_member or contains(joined, own)) and not contains(left, own)
      if on_change then
        on_change(members)
      end
    end,
  })
  own = handle:address()
  return handle, seen
end

-- While the membership is changing, Corosync returns "try again"; and a process stays in its group until Corosync
-- notices that its last handle is closed.
local function persist(handle, method, ...)
  local ok, problem, code = handle[method](handle, ...)
  while code == "try_again" or code == "exist" do
    handle:wait(0.001)
    handle:dispatch()
    ok, problem, code = handle[method](handle, ...)
  end
  assert(ok, problem)
end

local function join(handle, seen)
  persist(handle, "join", name)
  repeat turn(handle) until seen.is_member
end

local function be_member(on_change)
  local handle, seen = open(on_change)
  join(handle, seen)
  print "joined"
  io.stdout:flush()
  return handle
end

local function member()
  local handle = be_member()
  while true do
    turn(handle)
  end
end

-- All handles are opened first, because that takes 15 ms each.
local function churn()
  local handles = {}
  for i = 1, count do
    handles[i] = { open() }
  end
  for _, each in ipairs(handles) do
    local handle, seen = each[1], each[2]
    join(handle, seen)
    persist(handle, "leave")
    repeat turn(handle) until not seen.is_member
    handle:close()
  end
end

local function observe()
  local changes, began, cpu, highest = -1, nil, nil, 0
  local handle = be_member(function(members)
    changes = changes + 1
    highest = math.max(highest, #members)
    if changes == 1 then
      began, cpu = core.now(), os.clock()
    end
  end)
  while changes <= count do
    turn(handle)
  end
  local counted = changes - 1
  print(("changes %.3f %.9f %d"):format(counted / (core.now() - began), (os.clock() - cpu) / counted, highest))
end

assert(({ member = member, churn = churn, observe = observe })[what])()
