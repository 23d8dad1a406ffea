-- The log on stderr: one line per message, with time and level.
local own_handle = require "corosync.own_handles"
local uv = require "luv"

local log = { level = "info", name = nil } -- `name`: of the script, if there are several

local RANK = { error = 1, warning = 2, info = 3, debug = 4 }

log.levels = { "error", "warning", "info", "debug" }

-- A pattern for the beginning of a line.
log.LINE = "^%d+%-%d+%-%d+T%d+:%d+:%d+ "

-- Returns a number and its noun, which takes an "s" in the plural.
function log.count(number, noun)
  return ("%d %s%s"):format(number, noun, number == 1 and "" or "s")
end

-- ---- the terminal ----

local ERASE = "\r\27[K"
local prompt

--- Shows a prompt below the output of `log.put`, or removes it.
-- @tparam[opt] string text
function log.prompt(text)
  io.stderr:write(prompt and ERASE or "", text or "")
  prompt = text
end

--- Writes text that ends in a newline, above the prompt.
-- @tparam file file io.stdout or io.stderr
-- @tparam string text
function log.put(file, text)
  -- In one write, because other threads and processes write there too.
  file:write(prompt and ERASE .. text .. prompt or text)
  file:flush()
end

local function write(level, format, ...)
  if RANK[level] <= RANK[log.level] then
    local message = select("#", ...) > 0 and format:format(...) or tostring(format)
    local name = log.name and log.name .. ": " or ""
    log.put(io.stderr, ("%s %s: %s%s\n"):format(os.date "%Y-%m-%dT%H:%M:%S", level, name, message))
  end
end

for _, level in ipairs(log.levels) do
  log[level] = function(...) write(level, ...) end
end

-- ---- errors of scripts ----

local OWN_LUA = debug.getinfo(1, "S").source:match "^(.*)cpgrun/log%.lua$"

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
local MOST = 100 -- remembered errors
local TICK = 200 -- milliseconds between two checks of them

local errors, count, ticker = {}, 0, nil -- errors by their whole text

local function log_repeats(text, each, now)
  log.error("same error again, %s: %s", log.count(each.repeats, "time"), text:match "^[^\n]*")
  each.pause = math.min(2 * each.pause, LONGEST)
  each.due, each.repeats = now + each.pause, 0
end

local function tick()
  local now = uv.hrtime() / 1e9
  for text, each in pairs(errors) do
    if each.repeats > 0 and now >= each.due then
      log_repeats(text, each, now)
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
    ticker = ticker or own_handle(uv.new_timer())
    ticker:start(TICK, TICK, tick)
    ticker:unref()
  end
end

--- Logs an error that a script has raised. Repeats of the same error are counted, and the count is logged after 1 s,
-- 2 s, 4 s and so on, up to 60 s.
-- @tparam string text the message, with or without a traceback, which is cut to the script's own lines
function log.raised(text)
  local now, each = uv.hrtime() / 1e9, errors[text]
  if each then
    each.repeats, each.last = each.repeats + 1, now
  else
    remember(text, now)
    log.error(trim(text))
  end
end

--- Logs the counts that are not logged yet, before the program ends.
function log.flush()
  for text, each in pairs(errors) do
    if each.repeats > 0 then
      log_repeats(text, each, 0)
    end
  end
end

return log
