-- Records a script's invariants: values that members may note only once, and names that one member holds at a time.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local word = require "corosync.history.word"
local writer = require "corosync.history.writer"

local invariant = {}

local MOST = 2 ^ 53 -- the greatest token: all Luas have exact numbers up to it

local function check_text(text, name, call)
  if type(text) ~= "string" then
    errors.raise("bad argument '%s' to '%s' (string expected, got %s)", name, call, type(text))
  end
end

function invariant.unique(record, kind, value)
  check_text(kind, "kind", "unique")
  if value == nil or not word.TYPES[type(value)] then
    errors.raise("bad argument 'value' to 'unique' (string, number or boolean expected, got %s)", type(value))
  end
  writer.write(record, "unique", word.of(kind), word.of(value))
end

function invariant.holds(record, name, token)
  check_text(name, "name", "holds")
  if type(token) ~= "number" then
    errors.raise("bad argument 'token' to 'holds' (number expected, got %s)", type(token))
  elseif token % 1 ~= 0 or token < 0 or token > MOST then
    errors.raise("bad argument 'token' to 'holds' (a whole number from 0 to 2^53 expected, got %g)", token)
  end
  writer.write(record, "holds", word.time(core.now()), word.of(name), word.number(token))
end

function invariant.released(record, name)
  check_text(name, "name", "released")
  writer.write(record, "released", word.time(core.now()), word.of(name))
end

return invariant
