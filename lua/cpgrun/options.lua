-- The command line of cpgrun: defines the options, and parses them or those of a command such as `cpgrun map`.
local argparse = require "argparse"
local check_options = require "cpgrun.check.options"
local command_line = require "cpgrun.command_line"
local config = require "cpgrun.config"
local commands = require "cpgrun.commands.options"
local converters = require "cpgrun.converters"
local listener = require "cpgrun.listener"
local log = require "cpgrun.log"

local options = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

-- ---- the options of cpgrun itself, in the order of its help ----

local function add_script(p)
  p:argument("script", "The script, unless --config names it. It makes a replica, or defines handlers such as "
    .. "config_change(members, left, joined) and message_received(address, message).")
  p:argument("arguments", "The script's arguments, in its global table arg."):args("*")
  p:option("-g --group",
    "The group to join (default: the script's global group_name, else its file name without .lua).")
    :argname("NAME"):convert(converters.group_name)
end

local function add_log(p)
  p:option("--log-level", "The least severe messages to log on stderr: error, warning, info or debug."):argname("LEVEL")
    :choices(log.levels):default("info")
  p:option("--log-format", "The format of the messages: text, json or journal (default: journal if stderr is connected "
    .. "to systemd's journal, otherwise text; labs always use text).")
    :argname("FORMAT"):choices(log.formats)
end

local function add_lab(p)
  p:option("--lab", "Run the script on a private cluster of N (1 to 8) Corosync daemons on this machine.")
    :argname("N"):convert(converters.node_count)
  p:flag("--no-quorum", "With --lab: configure no quorum provider, so that no partition is quorate.")
  p:option("--lab-script", "With --lab: run a Lua file that causes faults; the lab ends when the file returns.")
    :argname("FILE")
  p:option("--lab-trace", "With --lab: write a page that draws the messages and configurations of all nodes.")
    :argname("FILE"):convert(converters.absolute_path("file", "--lab-trace"))
end

-- Limits of functions, queues and calls to Corosync; and packing.
local function add_limits(p)
  p:option("--handler-timeout", "Stop a function of the script that runs for longer than this many seconds.")
    :argname("SECONDS"):convert(converters.seconds("--handler-timeout", 0.001))
  p:option("--memory-limit", "Limit the memory of the Lua state (k, M, G): functions of the script that would exceed "
    .. "it fail with \"not enough memory\".")
    :argname("BYTES"):convert(converters.bytes("--memory-limit", 1))
  p:option("--reader-limit", "How many bytes of events to queue while handlers are slow (k, M, G); with 0 events "
    .. "stay in Corosync.")
    :argname("BYTES"):convert(converters.bytes("--reader-limit", 0)):default("64M")
  p:option("--reader-full", "At the limit of --reader-limit, leave the group or stop reading from Corosync.")
    :argname("WAY"):choices({ "leave", "stop" }):default("leave")
  p:flag("--pack", "Put many messages into one Corosync message, as the script's global pack = true does. All "
    .. "members of the group must pack, or none.")
  p:option("--watchdog", "Log each call to Corosync that has not returned for this many seconds, and handlers that "
    .. "lag by as much; 0 disables it.")
    :argname("SECONDS"):convert(converters.watchdog):default("1")
end

-- The user that the script runs as, and the files for its state, traces and metrics.
local function add_files(p)
  p:option("--user", "Switch to this user after connecting to Corosync, before loading the script."):argname("NAME")
  p:option("--storage", "Keep the state of replicas for which the script names no file in this folder, such as "
    .. "/var/lib/cpgrun (default: in memory).")
    :argname("DIR"):convert(converters.absolute_path("folder", "--storage"))
  p:option("--trace", "Append the script's messages, configurations and locks to this file, for cpgrun draw. At 16 MiB "
    .. "it becomes FILE.1.")
    :argname("FILE"):convert(converters.absolute_path("file", "--trace"))
  p:option("--metrics", "Serve metrics for Prometheus at this address, such as 9190 (on the loopback), "
    .. "127.0.0.1:9190, [::1]:9190 or unix:/run/shop.sock.")
    :argname("ADDRESS"):convert(listener.parse)
  p:option("--metrics-file", "Write the metrics to this file every 15 s, for node_exporter's textfile collector. Its "
    .. "name must end in .prom.")
    :argname("FILE"):convert(converters.metrics_file)
end

local function add_host(p)
  p:option("--also", "Run this script as well, in a process of its own, without arguments. May be repeated.")
    :argname("FILE"):count("*")
  p:option("--socket", "The folder for the script's control socket, which cpgrun status and attach use; or none.")
    :argname("DIR"):convert(converters.socket_folder)
  p:option("--config", "Read options, the script and its arguments from this file; the command line takes precedence.")
    :argname("FILE")
  p:flag("--watch", "Reload the script when its file, or that of a module in its folder, has changed.")
end

-- Options that do something other than run the script.
local function add_actions(p, version)
  p:flag("--check", "Load the script and report whether it would run; needs no Corosync.")
  p:option("--init", "Write a commented script NAME.lua, its configuration NAME.conf and a unit NAME.service to begin "
    .. "with."):argname("NAME"):convert(converters.file_name):action(function(_, _, name)
      os.exit(require "cpgrun.new_script"(name), true)
    end)
  p:option("--completion", "Print the completion of commands and options for a shell: bash, fish or zsh.")
    :argname("SHELL"):choices({ "bash", "fish", "zsh" }):action(function(_, _, shell)
      io.write(require "cpgrun.completion"(shell, p, options.commands()))
      os.exit(0, true)
    end)
  p:flag("--version", "Show the versions of cpgrun, Lua and Corosync."):action(function()
    print(version)
    os.exit(0, true)
  end)
end

local function parser(version)
  local p = argparse("cpgrun", "Runs a Lua script as a member of a Corosync closed process group.")
  add_script(p)
  add_log(p)
  add_lab(p)
  add_limits(p)
  add_files(p)
  add_host(p)
  add_actions(p, version)
  p:epilog("cpgrun check runs a script under random faults. cpgrun status shows running scripts, cpgrun attach opens a "
    .. "prompt in one. cpgrun draw draws traces. cpgrun map, lock, members, send and listen use the maps, locks and "
    .. "groups of scripts from a shell. Each command has its own --help. To run a script that is named like a command, "
    .. "write ./check.")
  return p
end

-- The parsers of the commands by their names.
function options.commands()
  local parsers = commands.parsers()
  parsers.check = check_options.parser()
  return parsers
end

-- ---- parsing ----

-- The usage would not help.
local function refuse_config(message)
  log.error("%s", message)
  os.exit(1, true)
end

-- Puts the words of the file of --config before those of the command line. Without a script there, its script and
-- arguments come last.
local function add_config(p, marked, takes_value)
  local given, path, mark = command_line.before_script(marked, takes_value)
  if not path then
    return marked
  end
  local words, script, arguments = config.words(path, p, given)
  if not words then
    refuse_config(script)
  end
  local all = { unpack(words) }
  all[#all + 1], all[#all + 2] = "--", "script"
  local ok, problem = p:pparse(all)
  if not ok then
    refuse_config(("%s: %s"):format(path, problem))
  end
  for _, word in ipairs(marked) do
    words[#words + 1] = word
  end
  if not marked[mark] and script then
    words[#words + 1], words[#words + 2] = "--", script
    for _, argument in ipairs(arguments or {}) do
      words[#words + 1] = argument
    end
  end
  return words
end

local function refuse_wrong_combinations(p, parsed)
  if parsed.lab_script and not parsed.lab then
    p:error("--lab-script requires --lab")
  elseif parsed.lab_trace and not parsed.lab then
    p:error("--lab-trace requires --lab")
  elseif parsed.trace and parsed.lab then
    p:error("--trace is for one node; with --lab, use --lab-trace")
  elseif parsed.no_quorum and not parsed.lab then
    p:error("--no-quorum requires --lab")
  elseif parsed.check and parsed.lab then
    p:error("--check and --lab exclude each other")
  elseif parsed.also and parsed.lab then
    p:error("--also and --lab exclude each other: run one script in a lab")
  elseif parsed.also and parsed.trace then
    p:error("--also and --trace exclude each other: a trace has one writer")
  elseif (parsed.metrics or parsed.metrics_file) and parsed.lab then
    p:error("--metrics and --metrics-file cannot be used with --lab: start cpgrun with them on a real node, or on each "
      .. "node of a lab by examples/in_lab.lua (see docs/monitoring.md)")
  elseif (parsed.metrics or parsed.metrics_file) and parsed.also then
    p:error("--metrics and --metrics-file cannot be used with --also: start a cpgrun for each script, each with its "
      .. "own address or file")
  elseif parsed.also and parsed.group then
    p:error("--also and --group exclude each other: each script has a group of its own, its global group_name or its "
      .. "file name")
  end
end

-- Returns a table with the options; ends the process for --help, --version and wrong usage.
function options.parse(argv, version)
  if argv[1] == "check" then
    return check_options.parse(argv)
  elseif commands.knows(argv[1]) then
    return commands.parse(argv)
  end
  local p = parser(version)
  local takes_value = command_line.options_with_value(p)
  local marked = add_config(p, command_line.mark_script(argv, takes_value), takes_value)
  local parsed = p:parse(marked)
  command_line.warn_of_misplaced(parsed.arguments, takes_value)
  parsed.also = parsed.also[1] and parsed.also or nil
  refuse_wrong_combinations(p, parsed)
  parsed.option_words = command_line.without_also(marked)
  return parsed
end

return options
