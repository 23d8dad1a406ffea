--- Checks of arguments. A wrong argument raises an error at the caller's line.
-- @module corosync.lab.argcheck

local uv = require "luv"
local errors = require "corosync.errors"

local argcheck = {}

--- Raises unless an argument is right.
-- @tparam boolean right
-- @tparam string name the argument's name
-- @tparam string method the called method
-- @tparam string problem the rest of the message
function argcheck.check(right, name, method, problem)
  if not right then
    errors.raise("bad argument '%s' to '%s' (%s)", name, method, problem)
  end
end

--- Checks a number of seconds.
-- @tparam number seconds
-- @tparam string method
function argcheck.seconds(seconds, method)
  argcheck.check(type(seconds) == "number" and seconds >= 0, "seconds", method,
    "expected a number of seconds, got " .. tostring(seconds))
end

--- Checks that a value is a whole number in a range.
-- @param value
-- @tparam number least
-- @tparam number most
-- @treturn boolean
function argcheck.is_whole(value, least, most)
  return type(value) == "number" and value >= least and value <= most and value % 1 == 0
end

--- Checks a signal.
-- @tparam string|number signal
-- @tparam string method
-- @treturn number the signal's number
function argcheck.signal(signal, method)
  local number = signal
  if type(signal) == "string" then
    number = uv.constants["SIG" .. signal:upper():gsub("^SIG", "")]
  end
  argcheck.check(argcheck.is_whole(number, 1, 64), "signal", method, "no such signal: " .. tostring(signal))
  return number
end

--- Checks an array of strings that names a program and its arguments.
-- @tparam table argv
-- @tparam string method
function argcheck.argv(argv, method)
  argcheck.check(type(argv) == "table" and #argv > 0, "argv", method, "expected an array of strings")
  for i = 1, #argv do
    argcheck.check(type(argv[i]) == "string" and not argv[i]:find("\0", 1, true), "argv", method,
      ("element %d is not a string without zero bytes"):format(i))
  end
end

--- Checks a table of options.
-- @tparam table options
-- @tparam table known the type of each option by its name
-- @tparam string method
-- @tparam[opt="options"] string argument the table's name
function argcheck.options(options, known, method, argument)
  argument = argument or "options"
  argcheck.check(type(options) == "table", argument, method, "expected a table")
  for name, value in pairs(options) do
    argcheck.check(known[name], argument .. "." .. tostring(name), method, "no such option")
    argcheck.check(type(value) == known[name], argument .. "." .. name, method,
      ("expected a %s, got a %s"):format(known[name], type(value)))
  end
end

return argcheck
