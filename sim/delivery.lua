-- Turns the items of a node's backlog into events in the inboxes of its processes, and takes them from there in order.
local sets = require "sim.sets"

local delivery = {}

local function push(process, event)
  process.inbox[#process.inbox + 1] = event
end

local function config(process, members, left, breaks)
  push(process, { kind = "config", members = members, left = left, breaks = breaks })
  process.listed = members
end

local function settle_later(self, process, ring)
  push(process, { kind = "settle", ring = ring, delay = self.random(self.options.settling) / 10 })
end

-- Functions by kind of item: each puts the item's events into a process's inbox.
local handing = {}

function handing.message(_, process, item)
  push(process, item)
end

function handing.join(self, process, item)
  if item.who == process then
    config(process, process.first, {}, true)
    push(process, { kind = "ring", ring = item.ring })
  else
    config(process, sets.union(process.listed, { item.who.address }), {}, false)
  end
  settle_later(self, process, item.ring)
end

function handing.leave(self, process, item)
  if #sets.difference({ item.who.address }, process.listed) == 0 then
    config(process, sets.difference(process.listed, { item.who.address }), { item.who.address }, false)
    settle_later(self, process, item.ring)
  end
end

-- Members that have gone are reported first, then those that have come: all at once, or node by node.
function handing.nodes(self, process, item)
  local gone = sets.difference(process.listed, item.members)
  local come = sets.difference(item.members, process.listed)
  if #gone > 0 then
    config(process, sets.difference(process.listed, gone), gone, true)
  end
  while #come > 0 do
    local part = item.one_by_one and { table.remove(come, self.random(#come)) } or come
    come = item.one_by_one and come or {}
    config(process, sets.union(process.listed, part), {}, true)
  end
  if not item.unreported then
    push(process, { kind = "ring", ring = item.ring })
  end
  settle_later(self, process, item.ring)
end

function delivery.hand_over(self, process, item)
  handing[item.kind](self, process, item)
end

-- Whether an event or a view may wait for a process.
function delivery.has_event(self, process)
  local settling = process.settling
  return not process.stopped and (process.inbox[1] ~= nil or settling ~= nil and settling.after <= self.now)
end

-- Returns the next event of a process, or nil. Views come on another connection: late, and only while they are still
-- true.
function delivery.next_event(self, process)
  local event = process.inbox[1]
  if not event or process.stopped then
    return nil
  end
  table.remove(process.inbox, 1)
  if event.kind == "settle" then
    process.settling = { ring = event.ring, after = self.now + event.delay + (process.view_delay or 0) }
    return nil
  elseif event.kind ~= "message" then
    process.settling = nil
  end
  return event
end

-- Whether a ring is quorate. Corosync goes by the longest nodelist of its nodes.
local function is_quorate(self, component)
  local count, listed = 0, 0
  for id in pairs(component) do
    count, listed = count + 1, math.max(listed, self.nodes[id].listed)
  end
  return count >= (self.options.quorum or math.floor(listed / 2) + 1)
end

local function on_ring(node)
  local ids = sets.sorted_keys(node.component)
  for i, id in ipairs(ids) do
    ids[i] = tostring(id)
  end
  return ids
end

-- Returns the view of a process's present ring, or nil if the ring is not quorate.
function delivery.view(self, process)
  local settling = process.settling
  if not settling or settling.after > self.now or process.stopped then
    return nil
  end
  process.settling = nil
  local node = self.nodes[process.node]
  if node.ring ~= settling.ring or not is_quorate(self, node.component) then
    return nil
  end
  return { ring = settling.ring, nodes = node.listed, on_ring = on_ring(node), floor = math.floor(self.now * 1000),
    noted = node.noted, promised = node.promised }
end

return delivery
