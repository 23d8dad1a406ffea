-- `cpgrun lock`: runs a command while it holds a lock.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local log = require "cpgrun.log"
local session = require "cpgrun.commands.session"
local uv = require "luv"

local CANNOT_RUN, NOT_FOUND = 126, 127 -- as a shell

local function environment(token)
  local all = { ("CPGRUN_TOKEN=%.0f"):format(token) }
  for name, value in pairs(uv.os_environ()) do
    if name ~= "CPGRUN_TOKEN" then
      all[#all + 1] = name .. "=" .. value
    end
  end
  return all
end

-- In a process group of its own, so that its children end with it.
local function start(words, token, on_exit)
  local process, problem, name = uv.spawn(words[1], {
    args = { (table.unpack or unpack)(words, 2) }, -- luacheck: ignore 113
    env = environment(token),
    stdio = { 0, 1, 2 },
    detached = true,
  }, on_exit)
  if process then
    return { pid = problem, handle = process }
  end
  log.error("cannot run %s: %s", errors.quote(words[1]), problem)
  return nil, (name == "ENOENT" or tostring(problem):find "^ENOENT") and NOT_FOUND or CANNOT_RUN
end

local function signal_all(child, name)
  uv.kill(-child.pid, name)
end

-- SIGTERM, then SIGKILL.
local function kill(child, grace)
  signal_all(child, "sigterm")
  signal_all(child, "sigcont") -- a paused process would not end
  local timer = uv.new_timer()
  timer:start(math.floor(1000 * grace), 0, function()
    timer:close()
    signal_all(child, "sigkill")
  end)
end

-- Runs the command to its end. Returns the exit status.
local function run(self, options, held)
  local code, signal
  local child, status = start(options.command_words, held.token, function(...) code, signal = ... end)
  if not child then
    return status
  end
  self.child = child
  self.on_signal = function(name)
    signal_all(child, name)
    return true
  end
  if self.lost then -- before the command has begun
    kill(child, 0)
  end
  self:wait_until(function() return code end)
  if self.lost then
    signal_all(child, "sigkill") -- what the command has left behind
    return session.LOST
  end
  return signal ~= 0 and 128 + signal or code
end

local function lose(self, options, reason)
  self.lost = reason
  log.error("lock %s was lost (%s): ending the command", errors.quote(options.name), reason)
  if self.child then
    kill(self.child, options.grace)
  end
end

-- Returns what holds the lock, or nil and the exit status.
local function acquire(self, options)
  local deadline = options.timeout and core.now() + options.timeout
  local function left()
    return deadline and math.max(0, deadline - core.now())
  end
  local held, message, code
  repeat
    self:leave()
    local ok, status = self:join(options.replica, true, left())
    if not ok then
      return nil, status
    end
    self.is_waiting = true
    held, message, code = self.app:lock(options.name):acquire {
      timeout = options.nonblock and 0 or left(),
      lost = function(reason) lose(self, options, reason) end,
    }
    self.is_waiting = false
  until code ~= "closed"
  return held, not held and session.failed(message, code) or nil
end

return function(options, native)
  return session.run(native, function(self)
    local held, status = acquire(self, options)
    if not held then
      return status
    end
    status = run(self, options, held)
    self.on_signal = nil
    held:release()
    return status
  end)
end
