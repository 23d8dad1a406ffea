-- Records operations on shared objects: each call with its times and its outcome.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local suggest = require "corosync.suggest"
local word = require "corosync.history.word"
local writer = require "corosync.history.writer"

local operation = {}

local count = 0

local function words(call)
  if type(call) == "string" then
    return (writer.escaped(call))
  end
  local texts = {}
  for i = 1, call.n or #call do
    texts[i] = word.of(call[i])
  end
  return table.concat(texts, " ")
end

local function now()
  return word.time(core.now())
end

-- ---- arguments ----

local FIELDS = { object = true, key = true, call = true, read = true }

local function refuse(problem, ...)
  errors.raise("bad argument #2 'fields' to 'operation' (" .. problem .. ")", ...)
end

local function check_names(fields)
  for name in pairs(fields) do
    if not FIELDS[name] then
      refuse("%s", suggest.unknown_field(FIELDS, name))
    end
  end
end

-- A table with a hole would lose its last values.
local function is_call(call)
  if type(call) == "string" then
    return call:find "^%S" ~= nil
  elseif type(call) ~= "table" or type(call[1]) ~= "string" then
    return false
  end
  local values = 0
  for key, value in pairs(call) do
    values = values + 1
    if type(key) ~= "number" or not word.TYPES[type(value)] then
      return false
    end
  end
  for i = 1, values do
    if call[i] == nil then
      return false
    end
  end
  return true
end

function operation.check(fields)
  if type(fields) ~= "table" then
    refuse("table expected, got %s", type(fields))
  end
  check_names(fields)
  if type(fields.object) ~= "string" then
    refuse("field 'object': string expected, got %s", type(fields.object))
  elseif not word.TYPES[type(fields.key)] then
    refuse("field 'key': string, number, boolean or nil expected, got %s", type(fields.key))
  elseif fields.read ~= nil and type(fields.read) ~= "boolean" then
    refuse("field 'read': boolean expected, got %s", type(fields.read))
  elseif not is_call(fields.call) then
    refuse("field 'call': a text that begins with a name, or a table of a name and plain values expected, got %s",
      type(fields.call))
  end
end

local function check_index(index)
  if type(index) == "number" and (index % 1 ~= 0 or index < 0) or index ~= nil and type(index) ~= "number" then
    errors.raise("bad argument #2 'index' to 'ok' (a whole number or nil expected, got %s)", tostring(index))
  end
end

local function check_code(code, name)
  if type(code) ~= "string" then
    errors.raise("bad argument #1 'code' to '%s' (string expected, got %s)", name, type(code))
  end
end

-- ---- operations ----

local Operation = {}
Operation.__index = Operation

local function finish(self, how, ...)
  if not self.number then
    errors.raise("bad call of '%s' (this operation has ended)", how)
  end
  writer.write(self.record, how, self.number, now(), ...)
  self.number = nil
end

function Operation:ok(result, index)
  if not word.TYPES[type(result)] then
    errors.raise("bad argument #1 'result' to 'ok' (string, number, boolean or nil expected, got %s)", type(result))
  end
  check_index(index)
  finish(self, "ok", index and word.number(index) or "-", word.of(result))
end

function Operation:failed(code)
  check_code(code, "failed")
  finish(self, "failed", word.of(code))
end

function Operation:unknown(code)
  check_code(code, "unknown")
  finish(self, "unknown", word.of(code))
end

local function nothing() end

-- An operation of a group that is not recorded.
operation.NONE = { ok = nothing, failed = nothing, unknown = nothing }

function operation.begin(record, fields)
  count = count + 1
  local self = setmetatable({ record = record, number = ("%d"):format(count) }, Operation)
  writer.write(record, fields.read and "query" or "invoke", self.number, now(), word.of(fields.object),
    word.of(fields.key), words(fields.call))
  return self
end

return operation
