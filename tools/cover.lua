-- Records the lines of corosync/*.lua and cpgrun/*.lua that run in this process and its Lua children, in the file
-- $COVERED. Loaded by LUA_INIT. Each line is written when it first runs, so a killed process loses nothing.

local gethook, getinfo, sethook = debug.gethook, debug.getinfo, debug.sethook
local notes = io.open(assert(os.getenv "COVERED", "COVERED is not set"), "a")
local seen = {} -- by source: the lines that have run; false for files that are not counted

if not notes then
  return -- a user who may not write there
end
notes:setvbuf "no"

local function on_line(_, line)
  local source = getinfo(2, "S").source
  local lines = seen[source]
  if lines == nil then
    local name = source:match "^@.*/(corosync/.+%.lua)$" or source:match "^@.*/(cpgrun/.+%.lua)$"
    lines = name and { name = name } or false
    seen[source] = lines
  end
  if lines and not lines[line] then
    lines[line] = true
    notes:write(lines.name, ":", line, "\n")
  end
end

-- A Lua hook belongs to one coroutine; a C hook, as --handler-timeout sets, is inherited and stays.
local function hooked(body)
  return type(body) ~= "function" and body or function(...)
    if gethook() ~= "external hook" then
      sethook(on_line, "l")
    end
    return body(...)
  end
end

for _, name in ipairs { "create", "wrap" } do
  local make = coroutine[name]
  coroutine[name] = function(body) return make(hooked(body)) end -- luacheck: ignore 122
end
sethook(on_line, "l")
