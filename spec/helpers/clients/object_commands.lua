-- Uses of locks, elections, periodic tasks, maps and calls of a replica, as lines of text say: see object_member.lua.
-- `options`: say(...) writes a line; on_error(message); pause() waits a moment in the way of the loop, if it has one.
local commands = {}

local function integer(number)
  return ("%.0f"):format(number)
end

function commands.acquire(self, name, timeout)
  local got, message, code = self.app:lock(name):acquire { timeout = tonumber(timeout), lost = function(reason)
    self.say("lost", name, reason)
  end }
  if got then
    self.held[name] = got
    self.say("held", name, integer(got.token))
  else
    self.say("failed", name, code)
    self.on_error(message)
  end
end

function commands.release(self, name)
  local ok, _, code = self.held[name]:release()
  self.say("released", name, ok and "true" or code)
end

-- A write to the store, with the token of the last grant, whether or not it was lost.
function commands.write(self, name)
  self.say("write", name, integer(self.held[name].token))
end

function commands.holder(self, name)
  local address, token, _, waiters = self.app:lock(name):holder()
  for i, waiter in ipairs(waiters or {}) do
    waiters[i] = tostring(waiter)
  end
  self.say("holder", name, tostring(address), token and integer(token) or "-", table.concat(waiters or {}, ","))
end

function commands.lead(self, name)
  self.app:leader(name, {
    elected = function(token) self.say("elected", name, integer(token)) end,
    deposed = function(reason) self.say("deposed", name, reason) end,
  })
end

-- Its functions wait.
function commands.lead_slowly(self, name)
  self.app:leader(name, {
    elected = function(token)
      self.pause()
      assert(self.app:map("leaders"):set(name, token, { holding = { name = "leader/" .. name, token = token } }))
      self.say("elected", name, integer(token))
    end,
    deposed = function(reason)
      self.pause()
      self.say("deposed", name, reason)
    end,
  })
end

function commands.resign(self, name)
  local ok, _, code = self.app:leader(name):resign()
  self.say("resigned", name, ok and "true" or code)
end

function commands.every(self, name, seconds)
  self.app:every(name, tonumber(seconds), function(tick, token, missed)
    self.say("tick", name, integer(tick), integer(token), integer(missed))
  end)
end

function commands.every_slowly(self, name, seconds)
  self.app:every(name, tonumber(seconds), function()
    self.pause()
    self.say("ticked", name, integer(assert(self.app:map("ticks"):increment(name))))
  end)
end

function commands.watch(self, name)
  self.app:map(name):watch("", function(key, new) self.say("changed", name, key, tostring(new)) end)
  self.say("watching", name)
end

function commands.set(self, name, value)
  self.say("set", name, tostring(self.app:map(name):set("key", value)))
end

function commands.serve(self, name)
  self.rpc = self.app:calls { double = function(text)
    self.pause()
    assert(self.app:barrier())
    return text .. text
  end }
  self.say("serving", name)
end

function commands.call(self, text, node)
  for member, ok, value in self.rpc:all("double", text, { timeout = 20 }) do
    if member.node == tonumber(node) then
      self.say("called", node, tostring(ok), tostring(value))
    end
  end
end

return function(app, options)
  local self = { app = app, say = options.say, on_error = options.on_error, pause = options.pause or function() end,
    held = {} } -- by name: the last grant of a lock
  return function(line)
    local verb, name, argument = line:match "^([%l_]+) ?(%S*) ?(%S*)$"
    commands[verb](self, name, argument)
  end
end
