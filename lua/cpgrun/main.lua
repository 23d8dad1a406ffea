-- Called by cpgrun's C half with the command line and the table `native`; returns the exit status. Most modules take
-- `options`, the parsed command line, and `native`:
--   program, version, lua, corosync   the program's path; the versions of cpgrun, Lua and Corosync
--   and functions of src/cpgrun/      set_report and limit (callback.c), guard, loaded and has_lost_terminal
--                                     (interrupt.c), notify and close_on_exec (notify.c), has_hung_up (stdfds.c),
--                                     end_with_parent (parent.c), become, user_id and peer_user (user.c)
local log = require "cpgrun.log"
local notify = require "cpgrun.systemd.notify"
local supervise = require "cpgrun.supervise"
local uv = require "luv"

-- luv 1.44 crashes when the Lua state ends while a handle of the script is still closing.
-- Several rounds: a pending stop of the loop takes the first, and close callbacks may open more handles.
local function close_all()
  for _ = 1, 3 do
    uv.walk(function(handle)
      if not handle:is_closing() then
        handle:close()
      end
    end)
    uv.run("nowait")
  end
end

-- The function for the mode.
local function program_of(options)
  if options.command then
    return require("cpgrun.commands." .. options.command)
  end
  if not supervise.begin() and options.also then
    return supervise.run
  end
  return require(options.under_faults and "cpgrun.check" or options.lab and "cpgrun.lab" or "cpgrun.host")
end

-- Unloads the parser afterwards: each collector cycle traverses all loaded code, and long messages cause many cycles.
local function parse(argv, version)
  local options = require("cpgrun.options").parse(argv, version)
  for _, name in ipairs { "argparse", "cpgrun.check.options", "cpgrun.command_line", "cpgrun.commands.options",
    "cpgrun.converters", "cpgrun.options" } do
    package.loaded[name] = nil
  end
  return options
end

-- Labs read the lines of their hosts, and show them to people.
local function set_log_format(options)
  local is_lab = options.lab or options.under_faults
  local message
  options.log_format, message = log.set_format(is_lab and "text" or options.log_format)
  if not options.log_format then
    log.error(message)
  end
  return options.log_format
end

return function(argv, native)
  local version = ("cpgrun %s\n%s\nCorosync %s (built with)"):format(native.version, native.lua, native.corosync)
  local options = parse(argv, version)
  log.level = options.log_level
  native.set_report(log.raised)
  if not set_log_format(options) then
    return 1
  end
  if not options.command then
    notify.begin(native)
  end
  io.stdout:setvbuf("line") -- output appears at once, through pipes too
  local status = program_of(options)(options, native)
  log.flush()
  close_all()
  return status
end
