-- Messages of a node's workers, which the holder sends. A worker puts a message into a list in shared memory and rings
-- the holder; the holder sends the messages of the list in order (holder.lua), and puts each result into a list of the
-- sender's.
--
-- A holder that ends may have taken a message and not have put its result. So a worker that notices another holder puts
-- a request without a message into the list: when that has a result, no earlier message of this worker is in the list.
local arguments = require "corosync.resty.node.arguments"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local holder = require "corosync.resty.node.holder"
local semaphore = require "ngx.semaphore"
local store = require "corosync.resty.node.store"
local wake_socket = require "corosync.resty.socket"
local supervisor = require "corosync.resty.supervisor"
local waiting = require "corosync.resty.waiting"

local GRACE = 1 -- second that a result may come after the message's deadline
local MOST = 10000 -- messages in the list
local LOOK = 1 -- second: the longest time without a look
local POLL = 0.01 -- seconds between looks where there is no helper thread
local RENEW = 4000 -- rounds of one light thread, because its memory is freed only when it ends

local now = core.now

local Messages = { refuse_all = holder.refuse_all }
Messages.__index = Messages

-- ---- the worker that sends ----

-- Puts a request into the list, and rings the holder if the list was empty: otherwise the holder is reading it. Returns
-- the request's number, or nil, message, bytes.
local function put(self, message, guarantee, deadline)
  local dict = self.store.dict
  local request = store.encode { self.bell:name(), self.number + 1, message or false, guarantee or false,
    deadline or false }
  local count, problem = dict:rpush(self.list_key, request)
  if not count then
    return nil, problem, #request
  elseif count == 1 then
    holder.ring(self)
  end
  self.number = self.number + 1
  return self.number
end

local function await(self, number, seconds)
  local own = { semaphore = semaphore.new() }
  self.waiting[number] = own
  own.semaphore:wait(math.min(seconds, waiting.DAY))
  self.waiting[number] = nil
  if self.is_stopping then
    self:wake() -- it may have been the last one
  end
  local result = own.result
  if not result then
    return errors.failure("send to", self.group, "the worker that sends for this node has not said whether it was sent",
      "uncertain")
  end
  return result[1] or nil, result[2] or nil, result[3] or nil
end

-- Sends without the list, if no messages wait there. Returns nil if this worker cannot send now.
local function send_directly(self, message, guarantee)
  local may_send = self.member and self.member:can_send() and not self.is_serving
  if may_send and self.store.dict:llen(self.list_key) == 0 then
    return self.member:send_now(message, guarantee)
  end
end

-- Returns true, or nil, message, code.
function Messages:send(message, guarantee)
  arguments.check(message, guarantee)
  local timeout = self.group.timeout
  if not waiting.is_allowed() then
    local why = "nothing can wait for the result in the phase '%s': send in a timer"
    return errors.failure("send to", self.group, why:format(ngx.get_phase()), "wrong_phase")
  elseif self.store.dict:llen(self.list_key) >= MOST then
    local why = ("%d messages of this node's workers wait already"):format(MOST)
    return errors.failure("send to", self.group, why, "backlog")
  end
  local size = arguments.length(message)
  if size > self.store:free() then
    return store.failure("send to", self.group, size, "no memory")
  end
  local ok, why, code = send_directly(self, message, guarantee)
  if ok or code and not holder.RETRIED[code] then
    return ok, why, code
  end
  local number, problem, bytes = put(self, message, guarantee, now() + timeout)
  if not number then
    return store.failure("send to", self.group, bytes, problem)
  end
  return await(self, number, timeout + GRACE)
end

local function finish(self, number, result)
  local own = self.waiting[number]
  if own then
    self.waiting[number] = nil -- its light thread runs later
    own.result = result
    own.semaphore:post()
  end
end

-- Results come in the order of the messages: an earlier message whose result is missing has none.
local function take_results(self)
  local data = self.store.dict:lpop(self.own_results_key)
  while data do
    local number, ok, message, code = unpack(store.decode(data))
    for earlier = self.finished + 1, number - 1 do
      finish(self, earlier)
    end
    finish(self, number, { ok, message, code })
    self.finished = number
    data = self.store.dict:lpop(self.own_results_key)
  end
end

-- An earlier holder may have taken messages without sending them.
local function probe(self)
  local present = holder.name(self)
  if present ~= self.known_holder and (not next(self.waiting) or put(self)) then
    self.known_holder = present
    holder.ring(self)
  end
end

-- ---- the light thread ----

local function look(self)
  self.bell:silence() -- before looking, so that no ring is lost
  take_results(self)
  probe(self)
  if self.member then
    holder.serve(self)
    self.member:wake()
  end
end

local function is_over(self)
  return self.is_stopping and (not self.member or self.member:has_ended()) and not next(self.waiting)
end

local function pause(self)
  if not self.socket then
    ngx.sleep(POLL)
    return true
  end
  return self.socket:wait()
end

local function run(self)
  local rounds, message, ok = 0, nil, true
  self.socket = wake_socket.open(self.bell:fd(), self.directory, LOOK)
  repeat
    rounds = rounds + 1
    look(self)
    if not is_over(self) then
      ok, message = pause(self)
    end
  until is_over(self) or not ok or rounds >= RENEW and not ngx.worker.exiting()
  if self.socket then
    self.socket:close()
    self.socket = nil
  end
  return ok or error(message, 0)
end

local supervised = {}

-- nginx may drop a timer: then the supervisor asks again.
local function begin(_, self, asked)
  if self.asked ~= asked then
    return
  end
  self.is_running = true
  local ok, problem = xpcall(run, debug.traceback, self)
  self.is_running = false
  if not ok then
    ngx.log(ngx.ERR, "corosync: ", problem)
  end
  if is_over(self) then
    supervisor.remove(self)
    self.bell:close()
    self.is_closed = true
  elseif ok then
    supervised.ensure(self)
  end
end

function supervised.ensure(self)
  if self.is_running then
    return true
  end
  self.asked = {}
  return ngx.timer.at(0, begin, self, self.asked)
end

function supervised.leave_at_exit() end

-- Whether it cannot be started again.
function Messages:has_ended()
  return self.is_closed
end

-- Also after it was stopped, until it has ended. Returns true, or nil, message.
function Messages:start()
  self.is_stopping = false
  local ok, message = supervisor.add(self, supervised)
  if ok then
    ok, message = supervised.ensure(self)
  end
  return ok, message
end

function Messages:wake()
  if self.socket then
    self.socket:wake()
  end
end

-- Ends when the last message of this worker has its result, and this worker is not a member any more.
function Messages:stop()
  self.is_stopping = true
  self:wake()
end

-- `given`: group, store, bell, directory, holder_key; later `member`, if this worker is one.
local function new(given)
  local self = setmetatable(given, Messages)
  self.number, self.finished, self.waiting, self.unrung = 0, 0, {}, {}
  self.list_key, self.own_results_key = self.store:key "messages", holder.results_key(self, self.bell:name())
  return self
end

return { new = new }
