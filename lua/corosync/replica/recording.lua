-- Commands in the group's history, if it is recorded. The checker's rule `linearizable` checks them by their indices.
local digest = require "corosync.history.digest"
local handlers = require "corosync.handlers"
local machine = require "corosync.replica.machine"
local machines = require "corosync.replica.machines"

local recording = {}

local SURELY_NOT = { closed = true, not_connected = true, not_ready = true }

-- Returns an operation for `finish`, or nil if nothing is recorded.
function recording.begin(record, name, data)
  if handlers.observers then
    local of = data:match "^[^%z]+" or "barrier"
    return handlers.observe(record, "operation", { object = name, call = { of, digest(data) } })
  end
end

function recording.finish(operation, result, code, index)
  if not operation then
    return
  elseif not code then
    operation:ok(machine.text_of(not machines.failure(result), result), index)
  elseif SURELY_NOT[code] then
    operation:failed(code)
  else
    operation:unknown(code)
  end
end

return recording
