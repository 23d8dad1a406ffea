-- The text of `cpgrun status`: a table of all hosts, or the details of one.
local log = require "cpgrun.log"

local report = {}

local WIDTH = 80
local MOST_LISTED = 20 -- members, in a line

-- ---- words ----

local UNITS = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } }

local function duration(seconds)
  for _, unit in ipairs(UNITS) do
    if seconds >= unit[1] then
      return ("%d %s"):format(math.floor(seconds / unit[1]), unit[2])
    end
  end
  return "0 s"
end

local function size(bytes)
  if bytes < 1000 then
    return ("%d B"):format(bytes)
  end
  return bytes < 1e6 and ("%.1f kB"):format(bytes / 1e3) or ("%.1f MB"):format(bytes / 1e6)
end

local function yes_or_no(quorum)
  if not quorum.known then
    return "?"
  elseif quorum.quorate == nil then
    return "-"
  end
  return quorum.quorate and "yes" or "no"
end

-- Replaces bytes that would change the terminal.
local function printable(text)
  return (text:gsub("[%c\127]", "?"))
end

local function address(member)
  return ("%d:%d"):format(member.node, member.pid)
end

local function addresses(members)
  local words = {}
  for i = 1, math.min(#members, MOST_LISTED) do
    words[i] = address(members[i])
  end
  if #members > MOST_LISTED then
    words[#words + 1] = ("and %d more"):format(#members - MOST_LISTED)
  end
  return #words > 0 and table.concat(words, ", ") or "none"
end

-- ---- the table ----

local HEADER = { "NAME", "PID", "STATE", "MEMBERS", "QUORUM", "LAG", "WAIT", "ERRORS", "UP" }
local LEFT = { true, false, true }

-- The worst state of the group and the replicas.
local function state_of(found)
  for _, replica in ipairs(found.replicas) do
    if found.group.state == "joined" and not replica.serving then
      return replica.state
    end
  end
  return found.group.state
end

local function row(found)
  if found.error then
    return { found.name, ("%d"):format(found.pid), found.error }
  end
  return { found.name, ("%d"):format(found.pid), state_of(found), ("%d"):format(#found.group.members),
    yes_or_no(found.quorum), ("%.1f s"):format(found.group.lag), ("%d"):format(found.group.waiting),
    ("%d"):format(found.handler_errors), duration(found.uptime) }
end

local function widths_of(rows)
  local widths, sum = {}, 0
  for _, each in ipairs(rows) do
    for i = 1, each[4] and #each or 2 do
      widths[i] = math.max(widths[i] or 0, #each[i])
    end
  end
  for i = 2, #widths do
    sum = sum + 2 + widths[i]
  end
  widths[1] = math.max(4, math.min(widths[1], WIDTH - sum))
  return widths
end

local function format(each, widths)
  local words = {}
  for i, word in ipairs(each) do
    local gap = (" "):rep((widths[i] or 0) - #word)
    words[i] = i == 1 and (word .. gap):sub(1, widths[1]) or LEFT[i] and word .. gap or gap .. word
  end
  return (table.concat(words, "  "):gsub(" +$", ""))
end

--- Returns a line for each host.
function report.list(all)
  local rows, lines = { HEADER }, {}
  for i, found in ipairs(all) do
    rows[i + 1] = row(found)
  end
  local widths = widths_of(rows)
  for i, each in ipairs(rows) do
    lines[i] = printable(format(each, widths)) .. "\n"
  end
  return table.concat(lines)
end

-- ---- details ----

-- As corosync-quorumtool and Corosync's log show it: the seq in hexadecimal.
local function ring_of(view)
  if not view.ring then
    return "no ring"
  end
  return ("ring %d.%x on %s %s"):format(view.ring.node or 0, view.ring.seq, #view.nodes == 1 and "node" or "nodes",
    table.concat(view.nodes, ", "))
end

local QUORUM = { yes = "quorate", no = "not quorate", ["-"] = "no quorum provider", ["?"] = "quorum unknown" }

local function add_group(add, found)
  local group = found.group
  add("  group %s: %s%s, %s: %s", group.name, group.state,
    group.address and " as " .. address(group.address) or "", log.count(#group.members, "member"),
    addresses(group.members))
  add("  %s; %s", ring_of(group.view), QUORUM[yes_or_no(found.quorum)])
  add("  sent %s (%s), received %s (%s)", log.count(group.sent, "message"), size(group.sent_bytes),
    log.count(group.received, "message"), size(group.received_bytes))
  add("  %s waiting (%s), lag %.1f s", log.count(group.waiting, "event"), size(group.waiting_bytes), group.lag)
  add("  %s, %s, %s", log.count(group.config_changes, "configuration change"), log.count(group.reconnects, "reconnect"),
    log.count(found.handler_errors, "handler error"))
end

local function holder(lock)
  if lock.held then
    return ("held by this process, token %.0f"):format(lock.token)
  end
  local wanted = lock.wanted and "; this process waits" or ""
  return (lock.holder and ("held by %s, token %.0f"):format(lock.holder, lock.token) or "free") .. wanted
end

local function add_locks(add, noun, locks)
  for _, lock in ipairs(locks) do
    add("    %s %s: %s, %d waiting", noun, lock.name, holder(lock), lock.waiting)
  end
end

local function add_replica(add, replica)
  add("  replica %s: %s%s", replica.name, replica.state, replica.why and " (" .. replica.why .. ")" or "")
  add("    generation %s, command %s, %s of this process waiting", replica.generation or "none",
    replica.index and ("%.0f"):format(replica.index) or "none", log.count(replica.waiting, "command"))
  add("    full members %s; learners %s", addresses(replica.full), addresses(replica.learners))
  for _, map in ipairs(replica.maps) do
    add("    map %s: %s", map.name, log.count(map.keys, "key"))
  end
  add_locks(add, "lock", replica.locks)
  add_locks(add, "election", replica.elections)
  for _, task in ipairs(replica.tasks) do
    add("    task %s: every %s, last tick %s", task.name,
      type(task.every) == "number" and ("%g s"):format(task.every) or "day at " .. task.every,
      task.last and ("%.0f"):format(task.last) or "none")
  end
end

local function add_host(add, found)
  if found.error then
    return add("%s", found.error)
  end
  add("%s (pid %d), %s, up %s: %s", found.name, found.pid, found.script, duration(found.uptime),
    found.ready and "ready" or "not ready")
  add_group(add, found)
  for _, replica in ipairs(found.replicas) do
    add_replica(add, replica)
  end
  add("  memory %s, of which Lua %s", size(found.memory.rss), size(found.memory.lua))
  add("  cpgrun %s, %s, Corosync %s", found.versions.cpgrun, found.versions.lua, found.versions.corosync)
end

--- Returns several lines for each host.
function report.details(all)
  local lines = {}
  local function add(...)
    lines[#lines + 1] = printable(string.format(...)) .. "\n"
  end
  for _, found in ipairs(all) do
    add_host(add, found)
  end
  return table.concat(lines)
end

--- Returns whether a status has all fields that are shown.
function report.can_show(status)
  return (pcall(function() return report.list { status } .. report.details { status } end))
end

return report
