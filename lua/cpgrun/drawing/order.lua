-- Puts the events of all processes into one order: each process's own order, each message's send before its deliveries,
-- and otherwise by time.
local order = {}

local function is_blocked(event)
  local send = event[1] == "message" and event.message.send
  return send and not send.column
end

-- The process whose next event comes next. If clocks or histories make all of them wait, the earliest one.
local function next_of(queues)
  local best, fallback
  for _, queue in ipairs(queues) do
    local event = queue[queue.at]
    if event then
      if not fallback or event.time < fallback[fallback.at].time then
        fallback = queue
      end
      if (not best or event.time < best[best.at].time) and not is_blocked(event) then
        best = queue
      end
    end
  end
  return best or fallback
end

local function queues_of(processes, is_drawn)
  local queues = {}
  for i, process in ipairs(processes) do
    queues[i] = { at = 1 }
    for _, event in ipairs(process.events) do
      if is_drawn(event) then
        table.insert(queues[i], event)
      end
    end
  end
  return queues
end

-- Events share a column if they are on different lanes, and none is the send of another's message.
local function assign_column(self, event)
  local lane, send = event.life.lane, event[1] == "message" and event.message.send
  if self.last[lane] == self.column or send and send.column == self.column then
    self.column = self.column + 1
  end
  event.column, self.last[lane] = self.column, self.column
end

-- Returns the events that are drawn. Each gets its `column`, from 1, and its `index` in the order.
function order.of(processes, is_drawn)
  local ordered, queues, self = {}, queues_of(processes, is_drawn), { column = 1, last = {} }
  local queue = next_of(queues)
  while queue do
    local event = queue[queue.at]
    queue.at = queue.at + 1
    assign_column(self, event)
    ordered[#ordered + 1] = event
    event.index = #ordered
    queue = next_of(queues)
  end
  return ordered
end

return order
