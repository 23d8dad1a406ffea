-- How a caller without a callback waits for its result: a coroutine yields, other code handles events until then. Also
-- calls functions of the script that may wait.
local applying = require "corosync.replica.machines.applying"
local error_text = require "corosync.error_text"
local handlers = require "corosync.group.handlers"
local script_calls = require "corosync.script_calls"

local waiting = {}

local unpack = table.unpack or unpack -- luacheck: ignore 113

local getinfo = debug and debug.getinfo -- a sandbox may have no debug library

-- The C functions across which Lua 5.2 and LuaJIT can yield; Lua 5.1 can yield across none. A yield across any other C
-- function raises an error.
local YIELDS = (jit or _VERSION == "Lua 5.2") and { [pcall] = true, [xpcall] = true } or {}

local can_yield = coroutine.isyieldable
local looks_at_stack = not can_yield and getinfo

-- Whether only such C functions are on the stack, for Lua 5.1 and 5.2. Metamethods and iterators, across which Lua 5.1
-- cannot yield either, do not show there.
local function has_only_yielding()
  local level, info = 2, getinfo(2, "Sf")
  while info do
    if info.what == "C" and not YIELDS[info.func] then
      return false
    end
    level = level + 1
    info = getinfo(level, "Sf")
  end
  return true
end

can_yield = can_yield or looks_at_stack and has_only_yielding or function() return true end

-- Returns the running coroutine if it may yield, else nil.
function waiting.yieldable(member)
  local routine, is_main = coroutine.running()
  if not routine or is_main or member:runs_in(routine) or not can_yield() then
    return nil
  end
  return routine
end

-- Returns a table for the outcome, and the function `tell`, which keeps its arguments there and then calls `wake`. The
-- table's `n` is false until then.
local function taker(wake)
  -- Made now, so that `tell` allocates nothing: if it failed for lack of memory, the caller would wait forever.
  local outcome = { n = false, false, false, false }
  local function tell(...)
    outcome.n, outcome[1], outcome[2], outcome[3] = select("#", ...), ...
    wake()
  end
  return outcome, tell
end

-- Whether a coroutine is suspended in a function. Lua 5.1 may have raised an error instead.
local function is_suspended_in(f, routine)
  local level, info = 0, looks_at_stack and getinfo(routine, 0, "f")
  while info and info.func ~= f do
    level = level + 1
    info = getinfo(routine, level, "f")
  end
  return coroutine.status(routine) == "suspended" and (info ~= nil or not looks_at_stack)
end

local function resume(routine)
  local ok, problem = script_calls.limited(coroutine.resume, routine)
  if not ok then
    local text = error_text(problem)
    error(debug and debug.traceback(routine, text) or text, 0)
  end
end

local by_yielding

-- Waits in a coroutine. `wait()` yields. `wake()` returns true if something else resumes the coroutine, so that this
-- function must not. `can_wake()` returns whether the coroutine can still be resumed.
function by_yielding(routine, start, wait, wake, can_wake)
  local is_waiting = false
  local function is_there()
    return not is_waiting or can_wake() and is_suspended_in(by_yielding, routine)
  end
  local outcome, tell = taker(function()
    if is_waiting and not wake() and is_suspended_in(by_yielding, routine) then
      resume(routine)
    end
  end)
  start(tell, is_there)
  is_waiting = true
  while not outcome.n do
    wait()
  end
  is_waiting = false
  return outcome
end

local function never() return false end
local function always() return true end

local function by_yield(routine, start)
  return by_yielding(routine, start, coroutine.yield, never, always)
end

local WEAK = { __mode = "v" }

-- Returns a weak reference to the running controller, and whether the running coroutine is one of its threads.
local function find_owner()
  local controller, is_thread = require("cqueues").running()
  return setmetatable({ controller }, WEAK), is_thread
end

-- Waits in a coroutine of cqueues, on a condition. A coroutine inside a thread, such as one of coroutine.wrap, must be
-- resumed; only its controller may resume a thread, and never does once it was closed or collected.
local function by_condition(routine, start)
  local condition = require("cqueues.condition").new()
  local owner, is_thread = find_owner()
  return by_yielding(routine, start, function() condition:wait() end, function()
    return condition:signal() > 0 or is_thread
  end, function()
    return not is_thread or owner[1] ~= nil and (pcall(owner[1].count, owner[1]))
  end)
end

-- Handles events until there is a result. If the command was refused at once, it handles the events that wait already:
-- otherwise a program that only submits would never reconnect, and its window would stay full.
local function by_handling(member, start)
  local outcome, tell = taker(function() end)
  start(tell, always)
  if outcome.n then
    member:dispatch(100)
  else
    local ok, message, code = member:handle_until(function() return outcome.n end)
    if not outcome.n then
      tell(ok, message, code)
    end
  end
  return outcome
end

local function in_cqueues()
  local cqueues = package.loaded.cqueues
  return cqueues and cqueues.running() ~= nil
end

-- Calls `start(tell, is_there)`, and returns the arguments of `tell` as a table. `is_there()` returns whether the
-- caller still waits: its coroutine may have been closed. Where nothing can wait, `start` is not called, and the result
-- is that of `refuse(code, why)`: nil, message, code. `seconds`: the time after which `tell` is called in any case.
function waiting.result(member, start, refuse, seconds)
  local routine = waiting.yieldable(member)
  if applying.is_running() then
    return { refuse() }
  elseif member.wait then -- of a loop of another kind
    return member.wait(taker, start, refuse, seconds)
  elseif routine and in_cqueues() then
    return by_condition(routine, start)
  elseif routine then
    return by_yield(routine, start)
  elseif member.runner then
    return { refuse() }
  end
  return by_handling(member, start)
end

-- Returns a successful result without the nils after it, which would be further arguments in
-- `table.insert(list, map:increment("n", 1))`.
function waiting.returned(outcome)
  if outcome[1] == nil then
    return nil, outcome[2], outcome[3]
  end
  return outcome[1]
end

local CANNOT_WAIT = "the replica is calling a function of the script, so it cannot wait for the result here: "
  .. "pass a callback, or call this method in a coroutine"

-- Submits a command. Returns the result, or nil, message, code; with a callback true. `is_own`: as for Member:submit.
function waiting.submit(member, what, data, callback, is_own)
  if callback or member.is_closed or applying.is_running() then
    return member:submit(what, data, callback, is_own)
  end
  local function start(tell)
    local ok, message, code = member:submit(what, data, tell)
    if not ok then
      tell(nil, message, code)
    end
  end
  return waiting.returned(waiting.result(member, start, function(code, why)
    return member.callers:refuse(what, code or "dispatching", why or CANNOT_WAIT)
  end, member.options.timeout))
end

-- cqueues starts its newest coroutine first, but calls must start in their order. auxlib's `resume` lets the function
-- poll for descriptors and sleep.
local function spawn_in_cqueues(member, f, ...)
  local count, arguments = select("#", ...), { ... }
  member.spawned = member.spawned or {}
  table.insert(member.spawned, function() f(unpack(arguments, 1, count)) end)
  require("cqueues").running():wrap(function()
    local ok, problem = require("cqueues.auxlib").resume(coroutine.create(table.remove(member.spawned, 1)))
    if not ok then
      handlers.report(member.record, error_text(problem))
    end
  end)
end

-- Calls a function of the script that may wait.
function waiting.spawn(member, f, ...)
  if member.spawn then -- of a loop of another kind
    member.spawn(f, ...)
  elseif in_cqueues() then
    spawn_in_cqueues(member, f, ...)
  else
    handlers.call(member.record, coroutine.wrap(f), ...)
  end
end

return waiting
