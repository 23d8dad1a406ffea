local cmap = require "corosync.cmap"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local requests = require "spec.helpers.shutdown_requests"

local open, ask, result = requests.open, requests.ask, requests.result
local tracker, refuse = requests.tracker, requests.refuse

local now = require("corosync.core").now

local SILENCE, PATIENCE = 300, 300000 -- milliseconds that the daemon waits for replies

local dispatch_until, fails, receive = handles.dispatch_until, handles.fails, handles.receive

local function own_pid()
  local file = assert(io.open "/proc/self/stat")
  local pid = file:read "*n"
  file:close()
  return pid
end

-- How many connections to its configuration service the daemon has of this process.
local function connections()
  local stats = assert(cmap.open "stats")
  local count = 0
  for key in assert(stats:each(("stats.ipcs.service1.%d."):format(own_pid()))) do
    count = count + (key:match "%.procname$" and 1 or 0)
  end
  stats:close()
  return count
end

-- Waits until the daemon has so many connections of this process: it notices late that one was closed.
local function wait_for_connections(number)
  local deadline = now() + 60
  while connections() ~= number do
    assert.is_true(now() < deadline, "timed out")
  end
end

-- Expects that a reply refuses the request.
local function is_refused(asker)
  local code, seconds = result(asker)
  assert.equal("busy", code)
  assert.is_true(seconds < PATIENCE / 1000, "the daemon waited for a reply")
end

after_each(handles.close_all)

describe("a cfg shutdown request", function()
  local map

  setup(function() map = assert(cmap.open()) end)
  teardown(function() map:close() end)
  before_each(function() assert(map:set("cfg.shutdown_timeout", PATIENCE, "u32")) end)

  local function shorten_silence()
    assert(map:set("cfg.shutdown_timeout", SILENCE))
  end

  it("is refused when the handler returns false", function()
    local handle, record = tracker(refuse)
    for asked = 1, 3 do
      local asker = ask()
      dispatch_until(handle, function() return #record.kinds == asked end)
      is_refused(asker)
    end
    assert.same({ "request", "request", "request" }, record.kinds)
    assert.same({}, record.errors)
  end)

  it("is refused when no tracker replies", function()
    shorten_silence()
    local handle, record = tracker(function() end)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    local code, seconds = result(asker)
    assert.equal("busy", code)
    assert.is_true(seconds >= SILENCE / 1000)
    assert.same({}, record.errors)
  end)

  it("is refused when the handler raises, and the error is reported", function()
    shorten_silence()
    local handle, record = tracker(function() error "in the handler" end)
    local asker = ask()
    dispatch_until(handle, function() return #record.errors == 1 end)
    assert.equal("busy", (result(asker)))
    assert.matches("in the handler\nstack traceback", record.errors[1])
  end)

  it("can be answered later by reply_shutdown, once only", function()
    local handle, record = tracker(function() end)
    fails("access", handle:reply_shutdown(false))
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    assert.is_true(handle:reply_shutdown(false))
    assert.matches("cannot reply to the shutdown request: ", fails("access", handle:reply_shutdown(true)), 1, true)
    assert.equal("busy", (result(asker)))
    assert.equal(1, #record.kinds)
  end)

  it("is answered by reply_shutdown in the handler, whatever the handler returns", function()
    local handle, record = tracker(function(self)
      assert(self:reply_shutdown(false))
      return true
    end)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    assert.equal("busy", (result(asker)))
    assert.same({}, record.errors)
  end)

  it("is returned by receive after track", function()
    local handle = open()
    assert.is_true(handle:track())
    assert.is_true(handle:track())
    local asker = ask()
    assert.same({ "shutdown", "request" }, { receive(handle) })
    assert.is_true(handle:reply_shutdown(false))
    assert.equal("busy", (result(asker)))
    assert.equal(0, select("#", handle:receive()))
  end)

  it("does not wait for a tracker that stops tracking, whose late reply then fails", function()
    local other = open()
    assert(other:track())
    local handle = open()
    assert(handle:track())
    local asker = ask()
    receive(other)
    receive(handle)
    assert.is_true(handle:untrack())
    fails("access", handle:reply_shutdown(true))
    assert.is_true(handle:untrack())
    assert.is_true(other:reply_shutdown(false))
    is_refused(asker)
  end)

  -- The report of a handler that closes its handle and returns this value, while another tracker refuses.
  local function errors_of_closing(answer)
    local other = open()
    assert(other:track())
    local handle, record = tracker(function(self)
      self:close()
      return answer
    end)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    receive(other)
    assert.is_true(other:reply_shutdown(false))
    assert.equal("busy", (result(asker)))
    return record.errors
  end

  it("reports a reply that failed", function()
    assert.matches("^cannot reply to the shutdown request: the handle is closed", errors_of_closing(false)[1])
  end)

  it("is allowed when the handler closes the handle, whatever it returns", function()
    assert.same({}, errors_of_closing(true))
  end)

  -- The daemon counts replies, not their senders: a late reply would allow a shutdown that others still refuse.
  it("that has ended does not take the reply to the next request", function()
    shorten_silence()
    local other = open()
    assert(other:track())
    local late, record = tracker(function() return true end)
    assert.equal("busy", (result(ask())))
    assert(map:set("cfg.shutdown_timeout", PATIENCE))
    local asker = ask()
    for _ = 1, 2 do
      assert.equal("shutdown", (receive(other)))
    end
    dispatch_until(late, function() return #record.kinds == 2 end)
    assert.is_true(other:reply_shutdown(false))
    assert.equal("busy", (result(asker)))
    assert.same({}, record.errors)
  end)

  it("cannot be answered by the thread that made it", function()
    shorten_silence()
    local handle, record = tracker(refuse)
    assert.matches("cannot shut Corosync down: ", fails("busy", open():try_shutdown()), 1, true)
    dispatch_until(handle, function() return #record.kinds == 1 end)
    assert.same({}, record.errors)
  end)

  it("reaches a tracker that made an earlier request of its own, which no tracker answered", function()
    shorten_silence()
    local silent = open()
    assert(silent:track())
    local handle, record = tracker(function() return true end)
    fails("busy", handle:try_shutdown())
    dispatch_until(handle, function() return #record.kinds == 1 end)
    assert.same({}, record.errors)
  end)

  it("is refused while another request is pending", function()
    local handle, record = tracker(function() end)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    fails("exist", open():try_shutdown "request")
    assert.is_true(handle:reply_shutdown(false))
    assert.equal("busy", (result(asker)))
  end)
end)

describe("a cfg handle that has replied to a shutdown request", function()
  it("leaves neither a descriptor nor a tracker when it is closed", function()
    local steady, steady_record = tracker(refuse)
    wait_for_connections(1)
    local descriptors = process.descriptors()
    local handle, record = tracker(refuse)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    dispatch_until(steady, function() return #steady_record.kinds == 1 end)
    assert.equal("busy", (result(asker)))
    assert.equal(2, connections())
    assert.is_true(handle:close())
    assert.equal(descriptors, process.descriptors())
    wait_for_connections(1)
    asker = ask()
    dispatch_until(steady, function() return #steady_record.kinds == 2 end)
    is_refused(asker)
  end)

  it("leaves nothing behind when a forked child still has it open", function()
    local steady, steady_record = tracker(refuse)
    local handle, record = tracker(refuse)
    local asker = ask()
    dispatch_until(handle, function() return #record.kinds == 1 end)
    dispatch_until(steady, function() return #steady_record.kinds == 1 end)
    assert.equal("busy", (result(asker)))
    local gate = os.tmpname()
    assert(os.execute(("rm %s; mkfifo %s"):format(gate, gate)))
    local child = process.fork_here()
    if child == 0 then
      io.open(gate):read "*l"
      process.become(true)
    end
    assert.is_true(handle:close())
    wait_for_connections(1)
    io.open(gate, "w"):close()
    assert.equal(0, process.wait(child))
    os.remove(gate)
  end)
end)
