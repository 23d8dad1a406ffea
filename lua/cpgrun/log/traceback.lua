-- Shortens tracebacks to the lines of the script and its modules.

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/log/traceback%.lua$"

-- A source's name as in tracebacks, which shorten it.
local function short(source)
  return debug.getinfo((loadstring or load)("", source), "S").short_src
end

-- The set of this package's loaded files, by their names in tracebacks.
local function own_files()
  local files = {}
  for name in pairs(package.loaded) do
    if type(name) == "string" and (name:find "^corosync" or name:find "^cpgrun") then
      local path = OWN_LUA .. name:gsub("%.", "/")
      files[short(path .. ".lua")], files[short(path .. "/init.lua")] = true, true
    end
  end
  return files
end

-- Keeps the message and the script's lines of the traceback, or the whole traceback when no line is the script's.
return function(text)
  local message, traceback = text:match "^(.-\nstack traceback:)\n(.*)$"
  if not message then
    return text
  end
  local kept, own = { message }, own_files()
  for line in traceback:gmatch "[^\n]+" do
    local source = line:match "^\t(.-):%d+: in " or line:match "^\t(%[C%]): in "
    if source and source ~= "[C]" and not own[source] then
      kept[#kept + 1] = line
    end
  end
  return kept[2] and table.concat(kept, "\n") or text
end
