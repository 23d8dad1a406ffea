-- `cpgrun attach`: evaluates Lua in a running script. Line editing happens in this process.
local client = require "cpgrun.socket.client"
local log = require "cpgrun.log"
local uv = require "luv"

local OK, FAILED = 0, 1
local COMPLETING = 2 -- seconds
local HISTORY = "/.cpgrun_history"
local MOST_TEXT = 200000 -- bytes that a host accepts

local function put(text)
  io.stdout:write(text)
  io.stdout:flush()
end

-- Returns the reply; or nil after a message.
local function evaluate(host, native, text)
  if #text > MOST_TEXT then
    log.error("the code has %d bytes, but at most %d can be sent", #text, MOST_TEXT)
    return nil
  end
  local reply, message = client.ask(host, native, { command = "evaluate", text = text }, nil, put)
  if not reply then
    log.error("%s", message)
  end
  return reply
end

local function complain(reply)
  io.stderr:write(reply.error, "\n")
end

-- Evaluates all of the text at once.
local function evaluate_all(host, native, text)
  local reply = evaluate(host, native, text)
  if reply and not reply.ok then
    complain(reply)
  end
  return reply and reply.ok and OK or FAILED
end

-- ---- the prompt ----

local function completer(readline, host, native)
  return function(line, from, to)
    readline.set_completion_append_character "" -- each time, because readline forgets it
    local reply = client.ask(host, native, { command = "complete", text = line:sub(from, to) }, COMPLETING)
    return reply and reply.words or {}
  end
end

-- Returns the path, or "" without a home folder. Only the user may read the file.
local function history_file()
  local home = os.getenv "HOME"
  local file = home and uv.fs_open(home .. HISTORY, "a", tonumber("600", 8))
  if not file then
    return ""
  end
  uv.fs_close(file)
  return home .. HISTORY
end

-- Returns a function that reads a line after a prompt, with lua-readline if it is installed; and a function to call at
-- the end.
local function line_reader(host, native)
  local ok, readline = pcall(require, "readline")
  if not ok then
    return function(prompt)
      put(prompt)
      return io.stdin:read()
    end, function() end
  end
  readline.set_options { histfile = history_file() }
  readline.set_readline_name "cpgrun"
  readline.set_complete_function(completer(readline, host, native))
  return readline.readline, readline.save_history
end

local END = { exit = true, quit = true }

-- Reads more lines while the text is incomplete. Returns nil at the end of the input.
local function converse(read, host, native)
  local text = read(host.name .. "> ")
  if END[text] then
    return nil
  end
  while text do
    local reply = evaluate(host, native, text)
    if not reply or reply.ok then
      return true
    elseif not reply.incomplete then
      complain(reply)
      return true
    end
    local more = read(host.name .. ">> ")
    text = more and text .. "\n" .. more
  end
  put "\n"
end

local function prompt(host, native)
  local read, save = line_reader(host, native)
  put(("attached to %s (pid %d); exit or Ctrl-D ends the prompt\n"):format(host.name, host.pid))
  repeat until not converse(read, host, native)
  save()
  return OK
end

-- ---- ----

local function choose(options, native)
  local found, all = client.find(options.host, options.socket, native, COMPLETING)
  if #found == 1 then
    return found[1]
  elseif #found == 0 then
    log.error(client.why_none(options.host, all))
  else
    local words = {}
    for i, host in ipairs(found) do
      words[i] = ("%s (pid %d)"):format(host.name, host.pid)
    end
    log.error("several scripts are running: give the name or process id of one: %s", table.concat(words, ", "))
  end
end

return function(options, native)
  local host = choose(options, native)
  if not host then
    return FAILED
  elseif options.execute then
    return evaluate_all(host, native, options.execute)
  elseif uv.guess_handle(0) ~= "tty" then
    return evaluate_all(host, native, io.stdin:read "*a" or "")
  end
  return prompt(host, native)
end
