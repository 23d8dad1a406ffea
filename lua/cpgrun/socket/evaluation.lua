-- Runs an operator's code in the script's Lua state, as a coroutine, so that it can wait.
local json = require "cpgrun.json"
local limit = require "cpgrun.socket.limit"
local own = require "corosync.own_handles"
local script_calls = require "corosync.script_calls"
local shortened = require "cpgrun.log.traceback"
local traceback = require "corosync.traceback"
local uv = require "luv"

local evaluation = {}

local LIMIT = 5 -- seconds that the text may run without --handler-timeout, not counting waits
local MOST_OUTPUT = 1048576 -- bytes
local EACH = 64 -- bytes that a call of print counts for, besides its text
local LOOK = 100 -- milliseconds

local pack = table.pack or function(...) return { n = select("#", ...), ... } end -- luacheck: ignore 143

-- Lua 5.1 cannot yield across pcall.
local yields_across_pcall = coroutine.wrap(function() return pcall(coroutine.yield) end)() == nil

-- ---- loading ----

local function load_text(text, env)
  if not setfenv then -- luacheck: ignore 113
    return load(text, "=attach", "t", env)
  elseif text:sub(1, 1) == "\27" then
    return nil, "precompiled code is refused"
  end
  local chunk, problem = loadstring(text, "=attach") -- luacheck: ignore 113
  return chunk and setfenv(chunk, env), problem -- luacheck: ignore 113
end

-- Loads the text as an expression, or else as statements. Returns the function; or nil, a message, and whether the text
-- is incomplete.
function evaluation.load(text, env)
  text = text:gsub("^%s*=", "return ")
  local chunk = load_text("return " .. text, env)
  if chunk then
    return chunk
  end
  local problem
  chunk, problem = load_text(text, env)
  return chunk, problem, problem and problem:find "<eof>'?$" ~= nil
end

-- ---- output ----

local function describe(value)
  local metatable = debug.getmetatable(value)
  if type(value) ~= "table" or type(metatable) == "table" and metatable.__tostring then
    return tostring(value)
  end
  return json.describe(value)
end

-- Returns a function that passes on at most MOST_OUTPUT bytes.
local function limited(tell)
  local left = MOST_OUTPUT
  return function(text)
    if left <= 0 then
      return
    elseif #text > left then
      text = text:sub(1, left) .. "\n(output cut off here)"
    end
    left = left - #text - EACH
    tell(text)
  end
end

local function refuse_exit()
  error("os.exit would end the script, not the prompt: type exit to end the prompt, or stop the script with SIGTERM", 2)
end

-- The script's globals, but `print` writes to the operator while the text runs.
local function environment(self)
  local env = { os = setmetatable({ exit = refuse_exit }, { __index = os }) }
  function env.print(...)
    if self.is_over then
      return _G.print(...)
    end
    local words = pack(...)
    for i = 1, words.n do
      words[i] = tostring(words[i])
    end
    self.tell(table.concat(words, "\t") .. "\n")
  end
  return setmetatable(env, { __index = _G, __newindex = _G })
end

-- ---- running ----

local unfinished = {} -- the set of texts that run or wait

-- Reports in a later turn of the loop, because the time limit of this turn may have expired.
local function finish(self, ok, ...)
  if self.is_over then
    return
  end
  local values = pack(...)
  for i = 1, values.n do
    values[i] = ok and describe(values[i]) or tostring(values[i])
  end
  self.is_over, unfinished[self] = true, nil
  self.limit:lift()
  local timer = own(uv.new_timer())
  timer:start(0, 0, function()
    timer:close()
    self.tell(ok and values.n > 0 and table.concat(values, "\t") .. "\n" or "")
    self.done(ok, not ok and values[1] or nil)
  end)
end

local function body(self, chunk)
  if not yields_across_pcall then
    return finish(self, true, chunk())
  end
  -- Includes the description of the results, which may fail, too.
  local ok, problem = xpcall(function() finish(self, true, chunk()) end, function(problem)
    self.limit:lift()
    return shortened(traceback(problem))
  end)
  if not ok then
    finish(self, false, problem)
  end
end

-- In Lua 5.1 an error after a wait is reported only in the host's log.
local function watch(self, routine)
  local timer = own(uv.new_timer())
  timer:unref()
  timer:start(LOOK, LOOK, function()
    if self.is_over or coroutine.status(routine) == "dead" then
      timer:close()
      finish(self, false, "an error was raised after a wait: see the script's log")
    end
  end)
end

local function start(self, chunk)
  local routine = coroutine.create(function() body(self, chunk) end)
  unfinished[self] = true
  self.limit = limit.new(routine, not script_calls.limits_time and LIMIT or nil)
  local ended_well, problem
  local ok, stopped = script_calls.try(function()
    ended_well, problem = script_calls.limited(coroutine.resume, routine)
  end)
  self.limit:note_wait()
  if not ok then
    finish(self, false, stopped)
  elseif not ended_well then
    finish(self, false, shortened(debug.traceback(routine, tostring(problem))))
  elseif coroutine.status(routine) ~= "dead" and not yields_across_pcall then
    watch(self, routine)
  end
end

--- Runs a text.
-- @tparam string text
-- @tparam fun(text:string) tell called with its output and its results
-- @tparam fun(ok:boolean,problem:string|nil,is_incomplete:boolean|nil) done called once, now or later
function evaluation.run(text, tell, done)
  local self = { tell = limited(tell), done = done }
  local chunk, problem, is_incomplete = evaluation.load(text, environment(self))
  if not chunk then
    return done(false, problem, is_incomplete)
  end
  if jit then
    jit.off(chunk, true) -- compiled code calls no hook
  end
  start(self, chunk)
end

--- Another version of the script has taken over, which may have closed the objects that a text waits for.
function evaluation.reloaded()
  for self in pairs(unfinished) do
    finish(self, false, "the script was reloaded while this code waited")
  end
end

return evaluation
