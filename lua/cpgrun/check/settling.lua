-- The end of a trial's faults: the cluster heals, the scripts report their states, and leaks are noted.
local join_storm = require "cpgrun.check.join_storm"
local wait = require "corosync.lab.wait"

local RING, VIEWS, REPLIES = 60, 30, 20 -- seconds for the daemons, the views and the replies to "settle"
local SILENT = 3 -- seconds to wait for the first reply
local SPARE = 20 -- descriptors that a script may open after the middle of a trial

local settling = {}

local function count_states(hosts)
  local count = 0
  for _, host in hosts:each() do
    count = count + (host:state() and 1 or 0)
  end
  return count
end

-- All scripts must report the same state.
local function compare_states(session)
  local texts, states, differ = {}, {}, false
  for node, host in session.hosts:each() do
    local state = host:state()
    texts[#texts + 1] = state and ("node %d reported '%s'"):format(node, state)
      or ("node %d did not reply"):format(node)
    states[#states + 1] = state
    differ = differ or not state or state ~= states[1]
  end
  session.compared = session.compared + 1
  if differ then
    table.insert(session.differences, "states after settling: " .. table.concat(texts, ", "))
  end
end

-- Notes the highest count so far. A script has fewer while its Corosync is away.
function settling.count_descriptors(session)
  for _, host in session.hosts:each() do
    if host:has_joined() then
      session.descriptors = math.max(session.descriptors or 0, host:count_descriptors())
    end
  end
end

-- A script that leaks loses a descriptor with each message or connection, so a few more than before are no leak. There
-- is nothing to compare with if no script had joined before.
local function note_leaks(session)
  for node, host in session.hosts:each() do
    local count = host:count_descriptors()
    if session.descriptors and count > session.descriptors + SPARE then
      table.insert(session.leaks, ("the script on node %d has %d descriptors open after settling, and had at most %d "
        .. "in the first half of the trial"):format(node, count, session.descriptors))
    end
  end
end

-- Scripts that read their input learn that all faults have ended, and may reply with their state.
local function ask_to_settle(session)
  local hosts, replies = session.hosts, false
  for _, host in hosts:each() do
    host.process:write "settle\n"
  end
  wait.until_true(function()
    for _, host in hosts:each() do
      replies = replies or host:replies()
    end
    return replies
  end, SILENT)
  if replies then
    wait.until_true(function() return count_states(hosts) == hosts.cluster.nodes end, REPLIES)
    compare_states(session)
  end
end

-- Ends all faults, and waits until the cluster, the views and the scripts have settled.
function settling.settle(session)
  local nodes = {}
  session.faults:end_all()
  for node = 1, session.cluster.nodes do
    nodes[node] = node
  end
  print(("%6.1f s  all faults have ended"):format(session.clock()))
  local ok, message = session.cluster:wait_members(nodes, RING)
  if not ok and join_storm.is_on(session.cluster) then
    session.faults:end_storm()
    ok, message = session.cluster:wait_members(nodes, RING)
  end
  if not ok then
    error(message, 0)
  end
  wait.until_true(function() return session.follower:agree() end, VIEWS)
  ask_to_settle(session)
  session.follower:mark_settled()
  note_leaks(session)
end

return settling
