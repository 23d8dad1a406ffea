-- --also: several scripts, each in its own cpgrun process below this one. So an error, an endless loop or the memory
-- use of one does not affect the others. They write their own output; this process passes signals on and waits.
local errors = require "corosync.errors"
local list = require "corosync.list"
local log = require "cpgrun.log"
local loop = require "corosync.loop"
local notify = require "cpgrun.systemd.notify"
local signals = require "cpgrun.signals"
local uv = require "luv"

local VARIABLE = "CPGRUN_SUPERVISOR" -- for the child: this process's id and the child's name

local STOPPING = { "sigint", "sigterm" }

local supervise = {}

-- ---- the child ----

local parent

-- Called when the program starts. Returns whether it is such a child.
function supervise.begin()
  local pid, name = (os.getenv(VARIABLE) or ""):match "^(%d+) (.+)$"
  parent, log.name = tonumber(pid), name
  uv.os_unsetenv(VARIABLE) -- or what the script starts would take it for its own
  return parent ~= nil
end

--- Returns whether this process is such a child.
-- @treturn boolean
function supervise.is_child()
  return parent ~= nil
end

-- A child does not outlive its supervisor. To be called after the change of user, which would undo it. Returns false if
-- the supervisor has ended already.
function supervise.end_with_parent(native)
  return not parent or native.end_with_parent(parent)
end

-- ---- the supervisor ----

local children -- a module, loaded by `run` alone

-- A script's name: of its file.
function supervise.name_of(path)
  return (path:gsub("^.*/", ""):gsub("(.)%.lua$", "%1"))
end

-- Scripts of the same file name are named by their paths.
local function names_of(scripts)
  local count, names = {}, {}
  for _, path in ipairs(scripts) do
    local name = supervise.name_of(path)
    count[name] = (count[name] or 0) + 1
  end
  for i, path in ipairs(scripts) do
    local name = supervise.name_of(path)
    names[i] = count[name] == 1 and name or path
  end
  return names
end

local function ended(self, process, name, child, code, signal)
  local status = signal ~= 0 and 128 + signal or code
  self.running[process], self.count = nil, self.count - 1
  children.ended(child, status)
  if status ~= 0 then
    self.status = self.status ~= 0 and self.status or status
    log.error("the script %s has ended with status %d%s", errors.quote(name), status,
      self.count > 0 and "; the others go on" or "")
  end
  if self.count == 0 then
    loop.stop()
  end
end

local function environment(name)
  local all = { ("%s=%d %s"):format(VARIABLE, uv.os_getpid(), name) }
  list.append(all, notify.environment())
  for variable, value in pairs(uv.os_environ()) do
    all[#all + 1] = variable .. "=" .. value
  end
  return all
end

-- In a session of its own, so that Ctrl-C in the terminal reaches it once, through this process.
local function start(self, name, words)
  local process, problem
  local child = children.add(name)
  process, problem = uv.spawn(self.program, {
    args = words,
    env = environment(name),
    stdio = child and { nil, 1, 2, child.pipe } or { nil, 1, 2 },
    detached = true,
  }, function(code, signal) ended(self, process, name, child, code, signal) end)
  if process then
    self.running[process], self.count = true, self.count + 1
    children.started(child)
    return true
  end
  log.error("cannot start %s: %s", self.program, problem)
  self.status = 1
end

local function signal_all(self, signal)
  for process in pairs(self.running) do
    process:kill(signal)
  end
end

local function start_all(self, options)
  local scripts = list.append({ options.script }, options.also)
  for i, name in ipairs(names_of(scripts)) do
    local words = list.append(list.copy(options.option_words), { "--", scripts[i] })
    if not start(self, name, list.append(words, i == 1 and options.arguments or {})) then
      return signal_all(self, "sigterm")
    end
  end
end

-- Returns the status of the first script that has failed, or 0.
function supervise.run(options, native)
  children, log.counts_repeats = require "cpgrun.systemd.children", true
  local self = { program = native.program, running = {}, count = 0, status = 0 }
  local function stop(name)
    log.info("stopping on %s", name)
    signals.first(STOPPING, native, function(_, number)
      self.status = 128 + number
      signal_all(self, "sigkill")
    end)
    children.stopping()
    signal_all(self, "sigterm")
  end
  signals.first(STOPPING, native, stop)
  signals.hangup(native, function()
    children.reloading()
    signal_all(self, "sighup")
  end, stop)
  native.guard(true)
  start_all(self, options)
  native.loaded()
  if self.count > 0 then
    loop.run()
  end
  return self.status
end

return supervise
