--- Checks of what a caller passes. A wrong argument is the caller's mistake: it raises, at the caller's line.
-- @module corosync.lab.argument

local uv = require "luv"
local caller = require "corosync.caller"

local argument = {}

--- Raises unless an argument is right.
-- @tparam boolean right
-- @tparam string name the argument's
-- @tparam string method that it was passed to
-- @tparam string problem what was expected
function argument.check(right, name, method, problem)
  if not right then
    caller.raise("bad argument '%s' to '%s' (%s)", name, method, problem)
  end
end

--- Checks a length of time.
-- @tparam number seconds
-- @tparam string method
function argument.seconds(seconds, method)
  argument.check(type(seconds) == "number" and seconds >= 0, "seconds", method,
    "expected a number of seconds, got " .. tostring(seconds))
end

--- Checks that a value is a whole number in a range.
-- @param value
-- @tparam number least
-- @tparam number most
-- @treturn boolean
function argument.is_whole(value, least, most)
  return type(value) == "number" and value >= least and value <= most and value % 1 == 0
end

--- Checks a signal.
-- @tparam string|number signal
-- @tparam string method
-- @treturn number the signal's number
function argument.signal(signal, method)
  local number = signal
  if type(signal) == "string" then
    number = uv.constants["SIG" .. signal:upper():gsub("^SIG", "")]
  end
  argument.check(argument.is_whole(number, 1, 64), "signal", method, "no such signal: " .. tostring(signal))
  return number
end

--- Checks an array of strings that names a program and its arguments.
-- @tparam table argv
-- @tparam string method
function argument.argv(argv, method)
  argument.check(type(argv) == "table" and #argv > 0, "argv", method, "expected an array of strings")
  for i = 1, #argv do
    argument.check(type(argv[i]) == "string" and not argv[i]:find("\0", 1, true), "argv", method,
      ("element %d is no string without a zero byte"):format(i))
  end
end

--- Checks a table of options.
-- @tparam table options
-- @tparam table known the type of each option by its name
-- @tparam string method
function argument.options(options, known, method)
  argument.check(type(options) == "table", "options", method, "expected a table")
  for name, value in pairs(options) do
    argument.check(known[name], "options." .. tostring(name), method, "no such option")
    argument.check(type(value) == known[name], "options." .. name, method,
      ("expected a %s, got a %s"):format(known[name], type(value)))
  end
end

return argument
