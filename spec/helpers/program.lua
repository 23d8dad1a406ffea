-- Starts programs, cpgrun above all, and waits for their output.
local assert = require "luassert"
local tools = require "corosync.lab.tools"
local process = require "corosync.lab.process"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local program = {}
local started = {}

local function await(it, list, pattern, seconds)
  local found
  local function look()
    for _, line in ipairs(list) do
      found = found or line:match(pattern)
    end
    return found or it.exited
  end
  wait.until_true(look, seconds or 60)
  look()
  if not found then
    error(("no line like '%s' in:\n%s\n%s"):format(pattern, table.concat(it.lines, "\n"),
      table.concat(it.errors, "\n")), 2)
  end
  return found
end

-- Waits for a line on standard output or standard error, and returns the pattern's captures.
function program.line(it, pattern, seconds) return await(it, it.lines, pattern, seconds) end
function program.complaint(it, pattern, seconds) return await(it, it.errors, pattern, seconds) end

-- Starts a program; one still running at the end of its spec is killed by `program.clean`.
function program.start(...)
  local it = assert(process.spawn({ ... }, { env = tools.environment() }))
  started[#started + 1] = it
  return it
end

-- Runs a program to its end; returns its exit code, standard output and standard error.
function program.run(...)
  local it = program.start(...)
  it:close_stdin()
  local code, signal = assert(it:wait(60))
  assert(signal == 0, "killed by signal " .. signal)
  return code, table.concat(it.lines, "\n"), table.concat(it.errors, "\n")
end

-- Kills programs, unless they have ended, and waits for their end.
function program.kill(list)
  for _, it in pairs(list) do
    it:kill "sigkill"
    assert(it:wait(60))
  end
end

function program.clean()
  program.kill(started)
  started = {}
end

local folder

-- A file in a temporary folder, which exists until `program.remove`; its path.
function program.file(name, text)
  folder = folder or assert(uv.fs_mkdtemp "/tmp/cpgrun-XXXXXX")
  assert(uv.fs_chmod(folder, tonumber("755", 8)))
  local path = folder .. "/" .. name
  if text then
    local file = assert(io.open(path, "w"))
    assert(file:write(text))
    file:close()
  end
  return path
end

function program.remove()
  if folder then -- a spec has made a file
    os.execute("rm -rf " .. folder)
    folder = nil
  end
end

-- Starts cpgrun with options and a script of that name and text.
function program.cpgrun(name, text, ...)
  local argv = { "cpgrun", ... }
  argv[#argv + 1] = program.file(name .. ".lua", text)
  return program.start((table.unpack or unpack)(argv)) -- luacheck: globals unpack
end

-- The same, to its end: its exit code, and its standard output and standard error.
function program.run_script(name, text, ...)
  local it = program.cpgrun(name, text, ...)
  local code, signal = assert(it:wait(60))
  assert.equal(0, signal)
  return code, table.concat(it.lines, "\n"), table.concat(it.errors, "\n")
end

-- A script that hands each of these bodies to itself as a message, and ends after the last.
function program.script(bodies, before)
  return (before or "") .. [[
    local bodies = {]] .. table.concat(bodies, ",\n") .. [[ }
    function message_received(_, number)
      print("begin", number)
      bodies[tonumber(number)]()
      print("end", number)
    end
    function config_change() end
    function started()
      for i = 1, #bodies do assert(group:send_message(tostring(i))) end
    end]]
end

-- Sends each line of its input to the group, and prints the messages.
program.ECHO = [[
function config_change(members) print("members", #members) end
function message_received(address, message) print("from " .. address.node, message) end
function started()
  local uv = require "luv"
  local input = uv.new_pipe(false)
  input:open(0)
  input:read_start(function(_, data)
    for text in (data or ""):gmatch "[^\n]+" do assert(group:send_message(text)) end
  end)
  print "up"
end
]]

program.NOTHING_BUT_UP = "function config_change() end function started() print 'up' end"

-- Waits until it ends with that code.
function program.ended(it, code, seconds)
  local status, signal = assert(it:wait(seconds or 60))
  assert.same({ code, 0 }, { status, signal }, table.concat(it.errors, "\n"))
end

return program
