-- The holder's part of sending: it sends the messages of all workers of the node, which are in a list in shared memory,
-- and puts each result into a list of the sender's. `self`: the worker's object of messages.lua.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local store = require "corosync.resty.node.store"

local holder = {
  RETRIED = { backlog = true, not_joined = true, try_again = true }, -- codes of sends that may succeed later
}

local now = core.now

-- Returns the key of a worker's list of results.
function holder.results_key(self, name)
  return self.store:key("results", name)
end

-- Returns the name of the holder's bell, or nil.
function holder.name(self)
  return self.store.dict:get(self.holder_key)
end

function holder.ring(self)
  local name = holder.name(self)
  if name then
    self.bell:ring(name)
  end
end

local function put_result(self, name, number, ok, message, code)
  local result = store.encode { number, ok or false, message or false, code or false }
  self.store.dict:rpush(holder.results_key(self, name), result)
  self.unrung[name] = true
end

-- Wakes the workers that have results.
local function ring_senders(self)
  for name in pairs(self.unrung) do
    if self.bell:ring(name) == false then -- not nil: this bell is closed
      self.store.dict:delete(holder.results_key(self, name))
    end
  end
  self.unrung = {}
end

-- If this message must wait, the senders of earlier messages get their results first.
local function send(self, message, guarantee, seconds)
  local ok, problem, code = self.member:send_now(message, guarantee)
  if ok or not holder.RETRIED[code] then
    return ok, problem, code
  end
  ring_senders(self)
  return self.member:send(message, guarantee, seconds)
end

-- Sends a message of the list. Returns false if this worker is leaving: the next holder does.
local function send_next(self, data)
  local name, number, message, guarantee, deadline = unpack(store.decode(data))
  local left = deadline and deadline - now()
  if not message then
    put_result(self, name, number, true)
  elseif left <= 0 then
    put_result(self, name, number, errors.failure("send to", self.group, "it waited too long for its turn", "timeout"))
  else
    local ok, problem, code = send(self, message, guarantee or nil, left)
    if not ok and code == "not_joined" then
      self.store.dict:lpush(self.list_key, data)
      holder.ring(self)
      return false
    end
    put_result(self, name, number, ok, problem, code)
  end
  return true
end

local function next_message(self)
  return self.member:can_send() and self.store.dict:lpop(self.list_key)
end

-- Sends the messages of the list.
function holder.serve(self)
  local data = next_message(self)
  while data do
    self.is_serving = true
    data = send_next(self, data) and next_message(self)
  end
  self.is_serving = false
  ring_senders(self)
end

-- This node has no connection, so none of the messages was sent.
function holder.refuse_all(self, reason)
  local data = self.store.dict:lpop(self.list_key)
  while data do
    local name, number = unpack(store.decode(data))
    put_result(self, name, number, errors.failure("send to", self.group, reason, "not_connected"))
    data = self.store.dict:lpop(self.list_key)
  end
  ring_senders(self)
end

return holder
