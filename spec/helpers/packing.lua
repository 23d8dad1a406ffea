-- Members that pack, observers of what they put on the wire, and frames as bytes.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local program = require "spec.helpers.program"
local wait = require "corosync.lab.wait"

local packing = {}

function packing.member(name, more)
  local handlers = { pack = true }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  return handles.member(name, handlers)
end

-- Sends in a loop of its own: handles events when the window is full.
function packing.send(handle, message)
  local deadline = os.time() + 60
  local ok, why, code = handle:send(message)
  while code == "try_again" or code == "backlog" do
    assert(os.time() < deadline, why)
    handle:wait(0.1)
    assert(handle:dispatch())
    ok, why, code = handle:send(message)
  end
  assert(ok, why)
end

function packing.texts(record)
  local list = {}
  for i, message in ipairs(record.messages) do
    list[i] = message[2]
  end
  return list
end

-- Waits until the record has so many messages, and returns their texts.
function packing.arrived(handle, record, count)
  handles.dispatch_until(handle, function() return #record.messages >= count end)
  return packing.texts(record)
end

-- ---- other processes ----

-- Runs an action in a fork while this process goes on; it must return true. Returns a function that waits for its end.
function packing.fork(action)
  local child = process.fork_here()
  if child == 0 then
    process.expire(300)
    local ok, result = pcall(action)
    process.become(ok and result == true)
  end
  return function()
    assert.equal(0, process.wait(child))
  end
end

-- Another member that packs sends so many numbered messages of so many bytes, while this process does nothing.
function packing.flood(name, count, size)
  packing.fork(function()
    local handle, record = packing.member(name)
    for i = 1, count do
      packing.send(handle, ("%d "):format(i) .. ("x"):rep(size))
    end
    packing.arrived(handle, record, count)
    return true
  end)()
end

-- A program that prints the frames of the group and sends it any bytes (spec/helpers/clients/frames.lua), once it has
-- joined.
function packing.observer(name)
  local it = program.start(groups.interpreter, "spec/helpers/clients/frames.lua", name)
  it.address = program.line(it, "^joined (.+)$")
  return it
end

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- How many lines are that text.
function packing.count(observer, text)
  local count = 0
  for _, line in ipairs(observer.lines) do
    count = count + (line == text and 1 or 0)
  end
  return count
end

-- Has an observer send these bytes, with so many "x" after them, and waits until they have their place in the order.
function packing.inject(observer, bytes, filling)
  local before = packing.count(observer, "sent")
  assert(observer:write(("fill %d %s\n"):format(filling or 0, hex(bytes))))
  packing.wait_for_lines(observer, "sent", before + 1)
end

function packing.wait_for_lines(observer, text, count)
  assert(wait.until_true(function() return packing.count(observer, text) >= count end, 60),
    ("no %d lines '%s' in:\n%s\n%s"):format(count, text, table.concat(observer.lines, "\n"),
      table.concat(observer.errors, "\n")))
end

-- Once all that was sent before has reached the observer: a frame without messages.
function packing.settle(observer)
  local before = packing.count(observer, "mark")
  assert(observer:write "mark\n")
  packing.wait_for_lines(observer, "mark", before + 1)
end

packing.FILLING = ("0123456789abcdef"):rep(200000)

-- A string's bytes are not shown when they are not the expected ones: there are too many.
function packing.check_texts(expected, texts)
  assert.equal(#expected, #texts)
  for i, text in ipairs(texts) do
    assert(text == expected[i], ("message %d of %d bytes is not what was sent"):format(i, #expected[i]))
  end
end

-- A member of a new group, its record, and a program that prints its frames.
function packing.observed(more)
  local name = handles.group_name()
  local handle, record = packing.member(name, more)
  local it = packing.observer(name)
  handles.dispatch_until(handle, function() return #record.configs == 2 end)
  return handle, record, it, name
end

-- ---- frames ----

-- An unsigned integer of so many bytes.
function packing.integer(value, bytes)
  local list = {}
  for i = 1, bytes do
    list[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(list)
end

local integer = packing.integer

function packing.header(version, flags, reserved)
  return "\147LCP" .. string.char(version or 1, flags or 0) .. integer(reserved or 0, 2)
end

function packing.frame(...)
  local list = { packing.header() }
  for _, message in ipairs { ... } do
    list[#list + 1] = integer(#message, 4) .. message
  end
  return table.concat(list)
end

-- `total` and `offset` are numbers or 8 bytes.
function packing.piece(total, offset, transfer, bytes)
  local function eight(value) return type(value) == "string" and value or integer(value, 8) end
  return packing.header(1, 1) .. eight(total) .. eight(offset) .. integer(transfer, 4) .. bytes
end

function packing.clean()
  handles.close_all()
  program.clean()
end

return packing
