-- The log on stderr, in one of the formats of log/format.lua.
local Repeats = require "cpgrun.log.repeats"
local core = require "corosync.binding"
local format = require "cpgrun.log.format"
local shortened = require "cpgrun.log.traceback"

local log = {
  level = "info",
  name = nil, -- of the script, if several scripts run
  script = nil, -- its name, also if it runs alone; and its group: for JSON
  group = nil,
  memory_limit = nil, -- in bytes, of --memory-limit
  counts_repeats = false, -- of warnings and errors; those that a script raises are always counted
}

local RANK = { error = 1, warning = 2, info = 3, debug = 4 }

log.levels = { "error", "warning", "info", "debug" }

-- A pattern for the beginning of a line of text.
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

-- ---- formats ----

local lay_out

local function use(name) lay_out = format.by_name[name] end

use(format.chosen())

--- Sets the format.
-- @tparam string|nil name one of `log.formats`; nil: journal if stderr is systemd's journal, else text
-- @treturn string the format's name
-- @error nil, message
function log.set_format(name)
  local ok, message = format.set(name)
  if not ok then
    return nil, message
  end
  local chosen = format.chosen()
  use(chosen)
  return chosen
end

log.formats = format.names

-- ---- messages ----

local function is_shown(level)
  return RANK[level] <= RANK[log.level]
end

local function write(level, message)
  log.put(io.stderr, lay_out(level, message, log))
end

local repeats = Repeats.new(function(level, text, times)
  write(level, ("same %s again, %s: %s"):format(level, log.count(times, "time"), text))
end)

local function is_repeat(level, message)
  return log.counts_repeats and RANK[level] <= RANK.warning and repeats:note(level, message)
end

for _, level in ipairs(log.levels) do
  log[level] = function(text, ...)
    if is_shown(level) then
      local message = select("#", ...) > 0 and text:format(...) or tostring(text)
      if not is_repeat(level, message) then
        write(level, message)
      end
    end
  end
end

local raised = 0

-- Lua's own message names no cause.
local function explain(text)
  local first, rest = text:match "^([^\n]*)(.*)$"
  if log.memory_limit and first:find "not enough memory[%a ]*$" then -- or "not enough memory for buffer allocation"
    return ("%s: the Lua state would exceed %.0f kB (--memory-limit)%s"):format(first, log.memory_limit / 1024,
      rest)
  end
  return text
end

--- Logs an error that a script has raised, and counts its repeats.
-- @tparam string text the message, with or without a traceback, which is cut to the script's own lines
function log.raised(text)
  raised = raised + 1
  if not repeats:note("error", text) then
    write("error", explain(log.level == "debug" and text or shortened(text)))
  end
end

-- Errors that no handler receives, such as those of a replica that the script makes itself.
core.complain = log.raised

--- Returns how many errors scripts have raised.
-- @treturn integer
function log.raised_count()
  return raised
end

--- Logs the remaining counts before the program ends.
function log.flush()
  repeats:flush()
end

return log
