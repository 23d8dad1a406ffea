-- Completion for shells, from the definitions of the command line. argparse writes it for programs that take options,
-- commands or files, but not for those that take a command or a file.
local MAKE = { bash = "get_bash_complete", fish = "get_fish_complete", zsh = "get_zsh_complete" }

local adjust = {}

-- After a command only its own options.
function adjust.bash(text)
  return text:gsub('opts="%$opts ', 'opts="')
end

-- The same; and the first word is a command or a file.
function adjust.zsh(text)
  return text:gsub("\n +%$options\n", "\n"):gsub('": :_cpgrun_cmds"', '": :{_cpgrun_cmds; _files}"')
    :gsub("\n  esac\n", "\n    *)\n      _files\n      ;;\n  esac\n")
end

function adjust.fish(text)
  return text
end

local function sorted_names(parsers)
  local names = {}
  for name in pairs(parsers) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- Returns the text. `main`: the parser of the command line; `parsers`: those of the commands, by name. They cannot be
-- used afterwards.
return function(shell, main, parsers)
  main._arguments = {}
  for _, name in ipairs(sorted_names(parsers)) do
    local command = main:command(name, parsers[name]._description):add_help(false)
    command._options, command._arguments = parsers[name]._options, parsers[name]._arguments
  end
  return (adjust[shell](main[MAKE[shell]](main)))
end
