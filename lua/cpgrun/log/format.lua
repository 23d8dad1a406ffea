-- The formats of the log's lines: text, JSON, and lines with the priority prefixes of sd-daemon(3).
local bytes_as_text = require "cpgrun.bytes_as_text"
local json = require "cpgrun.json"
local uv = require "luv"

local format = { names = { "text", "json", "journal" } }

local PRIORITY = { error = "<3>", warning = "<4>", info = "<6>", debug = "<7>" }

-- Each returns lines that end in a newline. `source`: name, script and group of the log.
local formats = {}
format.by_name = formats

local function prefix(source)
  return source.name and source.name .. ": " or ""
end

function formats.text(level, message, source)
  return ("%s %s: %s%s\n"):format(os.date "%Y-%m-%dT%H:%M:%S", level, prefix(source), message)
end

-- The journal adds the time, and stores each line as an entry.
function formats.journal(level, message, source)
  return ((prefix(source) .. message):gsub("[^\n]+", PRIORITY[level] .. "%0") .. "\n")
end

local KEYS = { keyorder = { "time", "level", "script", "group", "message", "traceback" } }

local function time()
  local seconds, microseconds = uv.gettimeofday()
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. (".%03dZ"):format(math.floor(microseconds / 1000))
end

-- Messages may contain any bytes, but JSON must be UTF-8.
local function text(bytes)
  return bytes and bytes_as_text(bytes)
end

function formats.json(level, message, source)
  local first, traceback = message:match "^(.-)\nstack traceback:\n(.*)$"
  return json.encode({
    time = time(),
    level = level,
    script = text(source.script),
    group = text(source.group),
    message = text(first or message),
    traceback = text(traceback),
  }, KEYS) .. "\n"
end

-- Whether stderr is the journal. The variable has the device and inode of the journal's socket, because child processes
-- inherit it even if their stderr is redirected.
local function is_journal()
  local device, inode = (os.getenv "JOURNAL_STREAM" or ""):match "^(%d+):(%d+)$"
  local stat = device and uv.fs_fstat(2)
  return stat and ("%.0f:%.0f"):format(stat.dev, stat.ino) == device .. ":" .. inode or false
end

-- An environment variable, because the Lua states of luv's threads share nothing else with this one.
local VARIABLE = "CPGRUN_LOG_FORMAT"

--- Returns the name of the format that was set, or the default for stderr.
-- @treturn string
function format.chosen()
  local name = os.getenv(VARIABLE)
  return formats[name] and name or is_journal() and "journal" or "text"
end

--- Sets the format of this process and of its threads.
-- @tparam string|nil name nil: by stderr
-- @treturn boolean true
-- @error nil, message
function format.set(name)
  if name == "json" and not json.is_installed() then
    return nil, "--log-format json needs the Lua module dkjson (Debian: lua-dkjson)"
  elseif name then
    uv.os_setenv(VARIABLE, name)
  else
    uv.os_unsetenv(VARIABLE)
  end
  return true
end

return format
