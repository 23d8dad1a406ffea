--- A process with its output in lines, which `cluster:run` returns.
--
-- Its fields are read-only.
-- Its handles do not keep `uv.run()` running: wait for a process that matters.
-- @classmod corosync.lab.process

--- Its standard output so far.
-- @tfield string[] lines

--- Its standard error so far.
-- @tfield string[] errors

--- Its pid in the namespace of the program that started the lab.
-- @tfield integer|nil pid

--- Whether it has ended.
-- @tfield boolean exited

--- Its exit code, once it has ended.
-- @tfield integer|nil code

--- The signal that killed it, once it has ended; 0 for none.
-- @tfield integer|nil signal

local own = require "corosync.own_handles"
local uv = require "luv"
local argcheck = require "corosync.lab.argcheck"
local procfs = require "corosync.lab.procfs"
local wait = require "corosync.lab.wait"

-- Milliseconds in which the output of an ended process may stay open: a child of it can hold it open for ever.
local GRACE = 500

-- libuv does not block SIGPIPE, which a write to an ended process causes.
local hangups = own(uv.new_signal())
hangups:start("sigpipe", function() end)
hangups:unref()

-- By libuv's error name.
local REMEDIES = {
  EAGAIN = "this user or control group has too many processes: see ulimit -u, and the limit of a container's pids",
  EMFILE = "this process has too many descriptors open: raise ulimit -n",
  ENFILE = "the machine has too many files open: raise sysctl fs.file-max",
  ENOMEM = "the machine is out of memory",
}

local Process = {}
Process.__index = Process

local function splitter(deliver)
  local parts = {}
  local function flush()
    local line = table.concat(parts)
    parts = {}
    deliver(line)
  end
  return function(data)
    if not data then
      if #parts > 0 then
        flush()
      end
      return
    end
    local from = 1
    for upto, after in data:gmatch("()\n()") do
      parts[#parts + 1] = data:sub(from, upto - 1)
      from = after
      flush()
    end
    if from <= #data then
      parts[#parts + 1] = data:sub(from)
    end
  end
end

local function end_process(self)
  if self.exited then
    return
  end
  self.exited, self.code, self.signal = true, self.ended.code, self.ended.signal
  if self.grace then
    self.grace:close()
  end
  self:close_stdin()
  if self.on_exit then
    self.on_exit(self.code, self.signal)
  end
end

local function on_exit(self, code, signal)
  self.ended = { code = code, signal = signal }
  self.handle:close()
  if self.streams == 0 then
    return end_process(self)
  end
  self.grace = uv.new_timer()
  self.grace:start(GRACE, 0, function() end_process(self) end)
end

local function read_stream(self, pipe, kept, name)
  local split = splitter(function(line)
    kept[#kept + 1] = line
    if self.output then
      self.output(line, name)
    end
  end)
  self.streams = self.streams + 1
  pipe:read_start(function(problem, data)
    local ended = problem or not data
    if ended then
      pipe:close()
      self.streams = self.streams - 1
    elseif self.raw then
      self.raw[name][#self.raw[name] + 1] = data
    end
    split(data)
    if ended and self.ended and self.streams == 0 then
      end_process(self)
    end
  end)
  pipe:unref()
end

-- The child writes to the pipe when it runs and waits for the reply: it cannot exit before its pid is read.
local function greet(self, pipe)
  pipe:read_start(function(_, data)
    if not data then
      return pipe:close()
    end
    self.pid = procfs.children(self.outer_pid)[1]
    pipe:read_stop()
    pipe:write("\n", function() pipe:close() end)
  end)
  pipe:unref()
end

-- Starts a process.
-- `options`: `env`: an array of NAME=value; `output`: function(line, stream); `exit`: function(code,
--   signal); `greeting`: the program is a child of this process and writes to descriptor 3; `raw`: also keep the
--   output unsplit
-- Returns the process, or nil, message, "spawn".
local function spawn(argv, options)
  local self = setmetatable({ lines = {}, errors = {}, exited = false, streams = 0 }, Process)
  self.output, self.on_exit = options.output, options.exit
  self.raw = options.raw and { out = {}, err = {} }
  self.stdin = uv.new_pipe(false)
  local out, err, greeting = uv.new_pipe(false), uv.new_pipe(false), options.greeting and uv.new_pipe(false)
  local args = {}
  for i = 2, #argv do
    args[i - 1] = argv[i]
  end
  local handle, problem, name = uv.spawn(argv[1], {
    args = args,
    env = options.env,
    stdio = { self.stdin, out, err, greeting or nil },
    -- In its own session, so that Ctrl-C in the terminal stops only the program with the lab.
    detached = true,
  }, function(code, signal) on_exit(self, code, signal) end)
  if not handle then
    for _, pipe in ipairs { self.stdin, out, err, greeting or nil } do
      pipe:close()
    end
    local remedy = REMEDIES[name] and " (" .. REMEDIES[name] .. ")" or ""
    return nil, ("cannot start %s: %s%s"):format(argv[1], problem, remedy), "spawn"
  end
  self.handle, self.outer_pid = handle, problem
  handle:unref()
  self.stdin:unref()
  read_stream(self, out, self.lines, "out")
  read_stream(self, err, self.errors, "err")
  if greeting then
    greet(self, greeting)
  else
    self.pid = self.outer_pid
  end
  return self
end

--- Writes to the process's standard input.
-- @tparam string text
-- @treturn boolean true
-- @error nil, message, code: "not_running"
function Process:write(text)
  argcheck.check(type(text) == "string", "text", "write", "expected a string")
  if self.ended or not self.stdin then
    return nil, "write: the process's standard input is closed", "not_running"
  end
  local request, problem = self.stdin:write(text)
  if not request then
    return nil, "write: " .. problem, "not_running"
  end
  return true
end

--- Closes the process's standard input after pending writes. Further calls do nothing.
-- @treturn boolean true
function Process:close_stdin()
  local stdin = self.stdin
  self.stdin = nil
  if not stdin then
    return true
  end
  local function close()
    if not stdin:is_closing() then
      stdin:close()
    end
  end
  if self.ended or not stdin:shutdown(close) then
    close()
  end
  return true
end

--- Sends the process a signal.
-- @tparam[opt="sigterm"] string|number signal a name, as "sigkill" or "KILL", or a number
-- @treturn boolean true
-- @error nil, message, code: "not_running"
function Process:kill(signal)
  local number = argcheck.signal(signal or "sigterm", "kill")
  if self.ended or not self.pid then
    return nil, "kill: the process is not running", "not_running"
  end
  local sent, problem = uv.kill(self.pid, number)
  if not sent then
    return nil, "kill: " .. problem, "not_running"
  end
  return true
end

--- Waits until the process has ended and its output is read.
-- @tparam number seconds the longest wait
-- @treturn integer its exit code
-- @treturn integer the signal that killed it; 0 for none
-- @error nil, message, code: "timeout"
function Process:wait(seconds)
  argcheck.seconds(seconds, "wait")
  if not wait.until_true(function() return self.exited end, seconds) then
    return nil, ("wait: process %s: timed out after %g s"):format(tostring(self.pid), seconds), "timeout"
  end
  return self.code, self.signal
end

return { spawn = spawn }
