-- Collects the state of the cluster in one table, without Corosync's handles.
local corosync = require "corosync"
local uv = require "luv"

local TOTEM = {
  sent = "mcast_tx", received = "mcast_rx", again = "mcast_retx", dropped = "rx_msg_dropped",
  tokens = "orf_token_rx", lost = "operational_token_lost",
}
local LINK = { latency = "latency_ave", received = "rx_total_bytes", sent = "tx_total_bytes" }

---- connections ----

local open = {
  census = function() return corosync.cpg.open {} end,
  config = function() return corosync.cfg.open() end,
  stats = function() return corosync.cmap.open "stats" end,
  votes = function() return corosync.votequorum.open() end,
}

-- Each costs 3 MB of shared memory: so one of each kind is opened when first needed, and kept. They are in the loop,
-- because Corosync also sends ring changes to the census, and queues the events that it does not read.
local connections = setmetatable({}, { __index = function(self, name)
  local handle = assert(open[name]())
  assert(corosync.loop.add(handle, function() self[name] = nil end))
  self[name] = handle
  return handle
end })

-- Raises for a failure, but not for a missing value.
local function known(value, message, code)
  if value == nil and code ~= "not_exist" then
    error(message, 0)
  end
  return value
end

---- names ----

-- Names are bytes, and some end in NUL: control characters must not reach the terminal.
local function visible(name)
  return (name:gsub("[%c\\\127-\255]", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

local function sort_by(field, list)
  table.sort(list, function(one, other) return one[field] < other[field] end)
end

---- counters ----

local sample, previous -- two readings of the counters, about a second apart: their time, and values by key

local function counter_keys(nodes)
  local keys = {}
  for _, name in pairs(TOTEM) do
    table.insert(keys, "stats.srp." .. name)
  end
  for _, node in ipairs(nodes) do
    for _, link in ipairs(node.links) do
      for _, name in pairs(LINK) do
        table.insert(keys, link.prefix .. name)
      end
    end
  end
  return keys
end

local function read_counters(nodes)
  local values, stats = {}, connections.stats
  for _, key in ipairs(counter_keys(nodes)) do
    values[key] = known(stats:get(key))
  end
  for key, value in assert(stats:each "stats.ipcs.") do
    values[key] = value
  end
  return values
end

-- Not at each update, because rates over less than a second jump.
local function take_sample(nodes)
  local now = uv.hrtime() / 1e9
  if not sample or now - sample.time > 0.9 then
    previous, sample = sample, { time = now, values = read_counters(nodes) }
  end
end

-- The growth of a counter per second; nil while it is not known.
local function rate(key)
  local before, now = previous and previous.values[key], sample.values[key]
  if before and now and now >= before then
    return (now - before) / (sample.time - previous.time)
  end
end

---- topics ----

local collect = {}

-- The fields of keys like "nodelist.node.0.name", in a table for each number.
local function numbered(prefix)
  local found = {}
  for key, value in assert(cmap:each(prefix)) do
    local number, field = key:sub(#prefix + 1):match "^(%d+)%.(.+)$"
    found[number] = found[number] or {}
    found[number][field] = value
  end
  return found
end

function collect.nodes(state)
  state.cluster = visible(known(cmap:get "totem.cluster_name") or state.cluster)
  local nodes = numbered "runtime.members."
  for _, place in pairs(numbered "nodelist.node.") do
    local id = tostring(place.nodeid)
    nodes[id] = nodes[id] or {}
    nodes[id].name = place.name
  end
  for id, each in pairs(nodes) do
    local node = { id = tonumber(id), is_member = each.status == "joined", links = {}, addresses = {} }
    node.is_here = node.id == state.here
    state.names[node.id] = each.name and visible(each.name)
    node.name = state.names[node.id]
    table.insert(state.nodes, node)
  end
  sort_by("id", state.nodes)
end

function collect.quorum(state)
  local quorate, message, code = quorum:quorate()
  state.quorate, state.lacks_provider = quorate, code == "no_quorum_provider"
  if state.lacks_provider then
    return
  end
  known(quorate, message, code)
  state.votes = assert(connections.votes:info())
  for _, node in ipairs(state.nodes) do
    local info = known(connections.votes:info(node.id))
    node.votes = info and info.votes
  end
end

function collect.links(state)
  for _, node in ipairs(state.nodes) do
    local status = not node.is_here and known(connections.config:node_status(node.id))
    for i, link in ipairs(status and status.links or {}) do
      node.links[i] = { number = link.link, is_up = link.connected,
        prefix = ("stats.knet.node%d.link%d."):format(node.id, link.link) }
    end
    node.addresses = known(connections.config:node_addresses(node.id)) or {}
  end
end

function collect.traffic(state)
  take_sample(state.nodes)
  for title, name in pairs(TOTEM) do
    local key = "stats.srp." .. name
    state.totem[title] = { rate = rate(key), total = sample.values[key] }
  end
  for _, node in ipairs(state.nodes) do
    for _, link in ipairs(node.links) do
      link.latency = sample.values[link.prefix .. LINK.latency]
      link.received, link.sent = rate(link.prefix .. LINK.received), rate(link.prefix .. LINK.sent)
    end
  end
end

-- The programs that are connected to this node's Corosync, which has counters for each connection.
function collect.programs(state)
  take_sample(state.nodes)
  local by_pid = {}
  for key, value in pairs(sample.values) do
    local connection, pid = key:match "^(stats%.ipcs%.service%d+%.(%d+)%..*%.)procname$"
    if connection then
      local program = by_pid[pid] or { name = visible(value) .. ":" .. pid, connections = 0, requests = 0, events = 0 }
      by_pid[pid] = program
      program.connections = program.connections + 1
      program.requests = program.requests + (rate(connection .. "requests") or 0)
      program.events = program.events + (rate(connection .. "dispatched") or 0)
    end
  end
  for _, program in pairs(by_pid) do
    table.insert(state.programs, program)
  end
  sort_by("name", state.programs)
end

function collect.groups(state)
  for name, members in assert(connections.census:groups()) do
    table.sort(members)
    for i, member in ipairs(members) do
      members[i] = ("%s:%d"):format(state.names[member.node], member.pid)
    end
    table.insert(state.groups, { name = visible(name), members = members })
  end
  sort_by("name", state.groups)
end

---- all of it ----

local model = {}
local nameless = { __index = function(_, id) return "node " .. id end }

-- The present state. A topic that fails is shown as a problem, and tried again the next time.
function model.collect(view)
  local state = { view = view, here = group:address().node, cluster = "cluster", names = setmetatable({}, nameless),
    nodes = {}, groups = {}, programs = {}, totem = {}, problems = {} }
  for _, topic in ipairs { "nodes", "quorum", "links", "traffic", "programs", "groups" } do
    local ok, message = pcall(collect[topic], state)
    if not ok then
      table.insert(state.problems, { topic = topic, text = visible(tostring(message)) })
    end
  end
  return state
end

function model.quorum_text(state)
  if state.lacks_provider then
    return "no quorum provider"
  elseif state.quorate == nil then
    return "quorum unknown"
  end
  local text, votes = state.quorate and "quorate" or "NOT QUORATE", state.votes
  return votes and ("%s, %d of %d votes, %d needed"):format(text, votes.total_votes, votes.highest_expected,
    votes.quorum) or text
end

-- In hexadecimal, like Corosync's own tools; but in decimal when a Lua number cannot hold it exactly.
function model.ring_text(state)
  local view = state.view
  if not view then
    return "ring unknown"
  end
  local seq = view.ring.seq
  seq = type(seq) == "number" and ("%x"):format(seq) or seq:gsub("^0+", "")
  return ("ring %d.%s, %d node%s"):format(view.ring.node, seq, #view.nodes, #view.nodes == 1 and "" or "s")
end

return model
