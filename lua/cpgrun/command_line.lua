-- The words of a command line: options, the script, and the script's arguments. The mark "--" stands before the script.
-- `takes_value`: the names of the options that take a value.
local log = require "cpgrun.log"

local command_line = {}

-- Returns the names of a parser's options that take a value, as a set.
function command_line.options_with_value(p)
  local names = {}
  for _, option in ipairs(p._options) do
    for _, name in ipairs(option._aliases) do
      names[name] = option._maxargs > 0 or nil
    end
  end
  return names
end

-- Puts the mark before the script: the words after the script are its arguments, even if they look like options.
function command_line.mark_script(argv, takes_value)
  local marked, i = {}, 1
  while argv[i] and argv[i]:sub(1, 1) == "-" and argv[i] ~= "-" and argv[i] ~= "--" do
    marked[#marked + 1] = argv[i]
    if takes_value[argv[i]] and argv[i + 1] then
      i = i + 1
      marked[#marked + 1] = argv[i]
    end
    i = i + 1
  end
  if argv[i] and argv[i] ~= "--" then
    marked[#marked + 1] = "--"
  end
  for k = i, #argv do
    marked[#marked + 1] = argv[k]
  end
  return marked
end

-- Warns of arguments of the script that were surely meant for cpgrun.
function command_line.warn_of_misplaced(arguments, takes_value)
  for _, word in ipairs(arguments) do
    local option = word:match "^%-%-[%a-]+"
    if option and takes_value[option] then
      log.warning("%s comes after the script, so the script gets it; options for cpgrun come before", option)
    end
  end
end

-- The options before the script: a set of their names, the value of --config, and the index of the script's mark.
function command_line.before_script(marked, takes_value)
  local given, path, i = {}, nil, 1
  while marked[i] and marked[i] ~= "--" do
    local name, value = marked[i]:match "^(%-%-[^=]+)=(.*)$"
    name = name or marked[i]
    if takes_value[name] and not value then
      i = i + 1
      value = marked[i]
    end
    given[name], given[name:sub(1, 2)] = true, true -- and -g of -gNAME
    path = name == "--config" and value or path
    i = i + 1
  end
  return given, path, i
end

-- Returns the options without --also, for the processes of several scripts.
function command_line.without_also(marked)
  local kept, i = {}, 1
  while marked[i] and marked[i] ~= "--" do
    if marked[i] == "--also" then
      i = i + 1
    elseif not marked[i]:find "^%-%-also=" then
      kept[#kept + 1] = marked[i]
    end
    i = i + 1
  end
  return kept
end

return command_line
