-- Records commands in the group's history, if there is one. The checker's rule `linearizable` checks them by their
-- indices. Each key of a map is recorded as a register, so the rule checks the results of its commands, too.
local codec = require "corosync.replica.codec"
local digest = require "corosync.history.digest"
local handlers = require "corosync.group.handlers"
local machines = require "corosync.replica.machines"
local parts = require "corosync.replica.parts"
local plain = require "corosync.replica.machines.plain"
local state = require "corosync.replica.map.state"

local recording = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

local SURELY_NOT = { closed = true, not_connected = true, not_ready = true }
local LONGEST = 40 -- bytes of a string that is recorded as it is

-- Returns the text of a map's value. Different values have different texts.
local function recorded(value)
  if type(value) == "table" then
    return ("{%.0f}"):format(plain.digest(value))
  elseif type(value) == "string" then
    return '"' .. (#value <= LONGEST and value or digest(value)) .. '"'
  end
  return value
end

-- Returns the text of any result, even if it is not plain. For an error it shows only that there was one, because an
-- error's text may contain a local path.
local function text_of(result)
  local kind = type(result)
  if machines.failure(result) then
    return "raised"
  elseif kind == "table" then
    return not plain.check(result) and tostring(plain.digest(result)) or kind
  elseif kind == "number" then
    return ("%.17g"):format(result)
  end
  return (kind == "string" or kind == "boolean" or kind == "nil") and tostring(result) or kind
end

local calls = {}

function calls.set(value)
  return { "write", recorded(value), n = 2 }
end

function calls.replace(value, options)
  return { "cas", recorded(options.old), recorded(value), n = 3 }
end

function calls.delete()
  return { "write", nil, n = 2 }
end

function calls.increment(by)
  return { "add", by, n = 2 }
end

local function map_operation(name, operation, map, key, value, options)
  local call = calls[operation](value, options)
  if options and options.ttl then -- the value changes by itself, which a register's does not
    call[1] = call[1] .. "_ttl"
  end
  return { object = name .. "." .. map, key = key, call = call }
end

local function operation_of(name, data)
  local of, body = data:match "^([^%z]*)%z?(.*)$"
  local command = of == parts.NAME and codec.decode(body:sub(2)) or {}
  if command[1] == "map" and calls[command[2]] then
    return map_operation(name, unpack(command, 2, 6))
  end
  return { object = name, call = { of == "" and "barrier" or of, digest(data) } }
end

-- Begins to record a command. Returns an operation for `finish`, or nil if nothing is recorded.
function recording.begin(record, name, data)
  local operation = handlers.observers and handlers.observe(record, "operation", operation_of(name, data))
  if operation then
    operation.is_of_objects = data:find(parts.NAME .. "\0", 1, true) == 1
  end
  return operation
end

-- Only the results of the ready-made objects can be refusals: a machine of the script may return any table.
function recording.finish(operation, result, code, index)
  local refusal = operation.is_of_objects and not code and state.refusal(result)
  if refusal and refusal ~= "not_equal" or SURELY_NOT[code] then
    operation:failed(refusal or code)
  elseif not code then
    operation:ok(not refusal and text_of(result), index)
  else
    operation:unknown(code)
  end
end

-- Does the same for a read of a map's key.
function recording.begin_read(record, name, map, key)
  if handlers.observers then
    return handlers.observe(record, "operation", { object = name .. "." .. map, key = key, call = { "read" },
      read = true })
  end
end

-- `index`: of the last command that was applied; nil if there is no value.
function recording.finish_read(operation, value, index)
  if operation and index then
    operation:ok(recorded(value), index)
  elseif operation then
    operation:failed "no_value"
  end
end

return recording
