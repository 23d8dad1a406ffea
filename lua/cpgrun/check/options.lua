-- The command line of cpgrun check.
local argparse = require "argparse"
local command_line = require "cpgrun.command_line"
local converters = require "cpgrun.converters"

local unpack = table.unpack or unpack -- luacheck: ignore 113

local options = {}

function options.parser()
  local p = argparse("cpgrun check", "Runs a script on a private cluster under random faults, and checks the messages "
    .. "that its members sent and delivered.")
  p:argument("script", "The script, as for cpgrun.")
  p:argument("arguments", "The script's arguments, in its global table arg."):args("*")
  p:option("--seed", "The seed of the random faults (default: from the time)."):argname("N")
    :convert(converters.whole("--seed", 0, 2 ^ 31 - 2))
  p:option("--seconds", "How long to run."):argname("SECONDS"):convert(converters.seconds("--seconds", 1)):default("60")
  p:flag("--no-quorum", "Configure no quorum provider, so that no partition is quorate.")
  p:flag("--kill-all", "Kill scripts even if only a minority of the nodes then has a replica's state. Use this if "
    .. "the replicas have storage.")
  p:option("--nodes", "The number of nodes, 2 to 8.")
    :argname("N"):convert(converters.whole("--nodes", 2, 8)):default("3")
  return p
end

-- Returns a table with the options; ends the process for --help and wrong usage.
function options.parse(argv)
  local p = options.parser()
  local takes_value = command_line.options_with_value(p)
  local parsed = p:parse(command_line.mark_script({ unpack(argv, 2) }, takes_value))
  command_line.warn_of_misplaced(parsed.arguments, takes_value)
  parsed.under_faults, parsed.seed, parsed.log_level = true, parsed.seed or os.time() % (2 ^ 31 - 2), "info"
  return parsed
end

return options
