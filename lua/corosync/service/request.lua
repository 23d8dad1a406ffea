-- Calls methods of a service's handle. If the connection is lost, it reconnects at once.
local connection = require "corosync.service.connection"
local errors = require "corosync.errors"

local unpack = table.unpack or unpack -- luacheck: ignore 113
local pack = table.pack or function(...) return { n = select("#", ...), ... } end

local request = {}

local function ask_anew(record, name, ...)
  local ok, message, code = connection.reopen(record)
  connection.arm(record)
  if not ok then
    return nil, message, code
  end
  return errors.call(name, -1, record.handle[name], record.handle, ...)
end

-- Returns the method's results; those of a second call if the connection was lost in the first.
function request.ask(record, name, ...)
  if record.closed then
    return connection.refuse(record, "ask")
  elseif not record.handle then
    return ask_anew(record, name, ...)
  end
  local results = pack(errors.call(name, -1, record.handle[name], record.handle, ...))
  if results[1] == nil and results[3] == "not_connected" then
    connection.lose(record, results[2])
    return ask_anew(record, name, ...)
  end
  return unpack(results, 1, results.n)
end

return request
