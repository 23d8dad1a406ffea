-- Starts members with a state (holder.lua), and waits for what they print.
local processes = require "bench.replica.processes"
local settings = require "bench.replica.settings"

local holders = {}

-- Starts one more member. Its fields have what its last lines said.
function holders.add(cluster, node, lua, name, megabytes)
  local holder = { node = node, status = "none yet" }
  holder.process = processes.start(cluster, node, lua, "holder.lua", { name, megabytes }, function(line)
    local kind, first, second = line:match "^(%a+) ?(%S*) ?(%S*)"
    if kind == "ready" then
      holder.ready_after = tonumber(first)
    elseif kind == "status" then
      holder.status, holder.full = line, first == "ready" and tonumber(second)
    elseif kind == "donor" then
      holder.is_donor = true
    elseif kind == "longest" then
      holder.pause, holder.turn = tonumber(first), tonumber(second)
    end
  end)
  return holder
end

-- Starts members on the first nodes. Returns them and their replica's name.
function holders.start(cluster, nodes, lua, megabytes)
  local name, list = processes.new_name(), {}
  for node = 1, nodes do
    list[node] = holders.add(cluster, node, lua, name, megabytes)
  end
  holders.wait_ready(cluster, list, nodes)
  return list, name
end

local function wait_for_all(cluster, list, is_done, what)
  local ok, message = cluster:wait_for(function()
    for _, holder in ipairs(list) do
      if not is_done(holder) then
        return false
      end
    end
    return true
  end, settings.limit, what)
  if not ok then
    for _, holder in ipairs(list) do
      message = ("%s\nnode %d: %s"):format(message, holder.node, holder.status)
    end
    error(message)
  end
end

-- Waits until all these members are ready with `full` full members. One change may make a member ready more than once.
function holders.wait_ready(cluster, list, full)
  wait_for_all(cluster, list, function(holder) return holder.ready_after and holder.full == full end,
    ("members to be ready, with %d full ones"):format(full))
end

-- Call it before a change after which `wait_ready` must wait for them again.
function holders.forget_ready(list)
  for _, holder in ipairs(list) do
    holder.ready_after = nil
  end
end

-- Sets `pause` and `turn` of each to the longest since the last call.
function holders.ask(cluster, list)
  for _, holder in ipairs(list) do
    holder.pause = nil
    holder.process:kill "sigusr1"
  end
  wait_for_all(cluster, list, function(holder) return holder.pause end, "the members' figures")
end

-- Returns the longest time that a field has.
function holders.longest(list, field)
  local longest = 0
  for _, holder in ipairs(list) do
    longest = math.max(longest, holder[field])
  end
  return longest
end

-- Waits until one of them sends a snapshot, and returns it.
function holders.wait_donor(cluster, list)
  local donor
  assert(cluster:wait_for(function()
    for _, holder in ipairs(list) do
      donor = holder.is_donor and holder or donor
    end
    return donor ~= nil
  end, settings.limit, "a donor"))
  return donor
end

function holders.end_all(list)
  local running = {}
  for i, holder in ipairs(list) do
    running[i] = holder.process
  end
  processes.end_all(running)
end

return holders
