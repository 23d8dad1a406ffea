-- Checks the arguments of a storage's functions. Errors name the wrong argument.
local errors = require "corosync.errors"

local arguments = {}

local LAST_INDEX = 2 ^ 53

function arguments.check(right, name, call, problem, ...)
  if not right then
    errors.raise("bad argument '%s' to '%s' (" .. problem .. ")", name, call, ...)
  end
end

local check = arguments.check

function arguments.blob(blob, name, call)
  check(type(blob) == "string", name, call, "string expected, got %s", type(blob))
end

function arguments.is_whole(number)
  return type(number) == "number" and number >= 0 and number <= LAST_INDEX and number % 1 == 0
end

function arguments.owner(owner)
  check(type(owner) == "table", "owner", "open", "table expected, got %s", type(owner))
  for _, name in ipairs { "replica", "cluster" } do
    check(type(owner[name]) == "string", "owner." .. name, "open", "string expected, got %s", type(owner[name]))
  end
  check(arguments.is_whole(owner.node), "owner.node", "open", "whole number expected, got %s", tostring(owner.node))
end

return arguments
