-- Counts messages that a group has sent and received through all its connections, and events that wait for its
-- handlers.
local counters = {}

local TOTALS = { "sent", "sent_bytes", "received", "received_bytes" }
local PRESENT = { "waiting", "waiting_bytes", "backlog", "lag" }

local EVENTS = { "config_changes", "reconnects" }

local function of(record)
  record.counters = record.counters or {}
  return record.counters
end

-- Counts an event of the group: "config_changes" or "reconnects".
function counters.note(record, event)
  local own = of(record)
  own[event] = (own[event] or 0) + 1
end

-- Counts a send that has failed.
function counters.note_failure(record, code)
  local own = of(record)
  own.send_failures = own.send_failures or {}
  own.send_failures[code] = (own.send_failures[code] or 0) + 1
end

-- Keeps the counters of a connection that is about to be closed.
function counters.keep(record)
  local own, last = of(record), record.handle.counters and record.handle:counters()
  for _, name in ipairs(last and TOTALS or {}) do
    own[name] = (own[name] or 0) + last[name]
  end
end

-- Returns the counters of the handle, including earlier connections, and the events. Makes no calls to Corosync.
function counters.read(record)
  local own, found = of(record), {}
  local now = record.handle and record.handle.counters and record.handle:counters() or {}
  for _, name in ipairs(TOTALS) do
    found[name] = (own[name] or 0) + (now[name] or 0)
  end
  for _, name in ipairs(PRESENT) do
    found[name] = now[name] or 0
  end
  for _, name in ipairs(EVENTS) do
    found[name] = own[name] or 0
  end
  found.send_failures = own.send_failures or {} -- by code
  return found
end

return counters
