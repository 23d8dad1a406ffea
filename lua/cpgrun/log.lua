-- What cpgrun tells its user: one line a message on stderr, with time and level.
local uv = require "luv"

local log = { level = "info" }

local RANK = { error = 1, warning = 2, info = 3, debug = 4 }

log.levels = { "error", "warning", "info", "debug" }

-- How a line of a log begins, as a pattern.
log.LINE = "^%d+%-%d+%-%d+T%d+:%d+:%d+ "

-- ---- the terminal ----

local ERASE = "\r\27[K"
local prompt

--- Shows a prompt below all that is written by `log.put`, or takes it away.
-- @tparam[opt] string text
function log.prompt(text)
  io.stderr:write(prompt and ERASE or "", text or "")
  prompt = text
end

--- Writes text that ends in a newline, above the prompt.
-- @tparam file file io.stdout or io.stderr
-- @tparam string text
function log.put(file, text)
  -- In one piece: other threads and processes write there too.
  file:write(prompt and ERASE .. text .. prompt or text)
  file:flush()
end

local function write(level, format, ...)
  if RANK[level] <= RANK[log.level] then
    local message = select("#", ...) > 0 and format:format(...) or tostring(format)
    log.put(io.stderr, ("%s %s: %s\n"):format(os.date "%Y-%m-%dT%H:%M:%S", level, message))
  end
end

for _, level in ipairs(log.levels) do
  log[level] = function(...) write(level, ...) end
end

-- ---- errors of scripts ----

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/log%.lua$"

-- A source's name as a traceback has it: a long one is cut.
local function short(source)
  return debug.getinfo((loadstring or load)("", source), "S").short_src
end

-- By their names in tracebacks, the files of this package that are loaded.
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

-- The message, and of its traceback what is the script's: all of it where nothing is.
local function trim(text)
  local message, traceback = text:match "^(.-\nstack traceback:)\n(.*)$"
  if not message or log.level == "debug" then
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

local SHORTEST, LONGEST = 1, 60 -- seconds between two lines about one error
local MOST = 100 -- errors that are remembered
local TICK = 200 -- milliseconds between two looks at them

local errors, count, ticker = {}, 0, nil -- errors by their whole text

local function tell_again(text, each, now)
  log.error("same error again, %d time%s: %s", each.repeats, each.repeats == 1 and "" or "s", text:match "^[^\n]*")
  each.pause = math.min(2 * each.pause, LONGEST)
  each.due, each.repeats = now + each.pause, 0
end

local function tick()
  local now = uv.hrtime() / 1e9
  for text, each in pairs(errors) do
    if each.repeats > 0 and now >= each.due then
      tell_again(text, each, now)
    elseif each.repeats == 0 and now - each.last > LONGEST then
      errors[text], count = nil, count - 1
    end
  end
  if count == 0 then
    ticker:stop()
  end
end

local function remember(text, now)
  if count < MOST then
    errors[text], count = { repeats = 0, pause = SHORTEST, due = now + SHORTEST, last = now }, count + 1
    ticker = ticker or uv.new_timer()
    ticker:start(TICK, TICK, tick)
    ticker:unref()
  end
end

--- Logs an error that a script has raised. When the same one comes again and again it is counted, and the count is
-- logged after 1 s, 2 s, 4 s and so on, up to 60 s.
-- @tparam string text its message, with or without its traceback, which is cut to the script's own lines
function log.raised(text)
  local now, each = uv.hrtime() / 1e9, errors[text]
  if each then
    each.repeats, each.last = each.repeats + 1, now
  else
    remember(text, now)
    log.error(trim(text))
  end
end

--- Logs the counts that have not been logged yet, before the end.
function log.flush()
  for text, each in pairs(errors) do
    if each.repeats > 0 then
      tell_again(text, each, 0)
    end
  end
end

return log
