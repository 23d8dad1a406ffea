-- Called by cpgrun's C half with the command line and a table of functions and facts in C; returns the exit status.
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

-- The function for the chosen mode.
local function program_of(chosen)
  if chosen.command then
    return require("cpgrun.commands." .. chosen.command)
  end
  if not supervise.begin() and chosen.also then
    return supervise.run
  end
  return require(chosen.under_faults and "cpgrun.check" or chosen.lab and "cpgrun.lab" or "cpgrun.host")
end

-- Unloads the parser afterwards: each collector cycle traverses all loaded code, and long messages cause many cycles.
local function parse(argv, version)
  local chosen = require("cpgrun.options").parse(argv, version)
  for _, name in ipairs { "argparse", "cpgrun.commands.options", "cpgrun.converters", "cpgrun.options" } do
    package.loaded[name] = nil
  end
  return chosen
end

-- Labs read the lines of their hosts, and show them to people.
local function set_log_format(chosen)
  local is_lab = chosen.lab or chosen.under_faults
  local message
  chosen.log_format, message = log.set_format(is_lab and "text" or chosen.log_format)
  if not chosen.log_format then
    log.error(message)
  end
  return chosen.log_format
end

return function(argv, facts)
  local version = ("cpgrun %s\n%s\nCorosync %s (built with)"):format(facts.version, facts.lua, facts.corosync)
  local chosen = parse(argv, version)
  log.level = chosen.log_level
  facts.set_report(log.raised)
  if not set_log_format(chosen) then
    return 1
  end
  if not chosen.command then
    notify.begin(facts)
  end
  io.stdout:setvbuf("line") -- output appears at once, through pipes too
  local status = program_of(chosen)(chosen, facts)
  log.flush()
  close_all()
  return status
end
