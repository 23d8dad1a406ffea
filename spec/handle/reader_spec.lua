local core = require "corosync.core"
local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"
local process = require "spec_process"

local open, dispatch_until, fails = handles.open, handles.dispatch_until, handles.fails
local assert_numbers = handles.assert_numbers
local member = handles.reading_member
-- Sends numbered messages without dispatching: only the reader can take the returning ones. Returns how many were sent
-- and the code that ended it, unless that was "try_again".
local function send_numbers(handle, count, size)
  local deadline, sent = os.time() + 60, 0
  while sent < count do
    local ok, message, code = handle:send(("%d "):format(sent + 1) .. ("x"):rep(size or 0))
    if ok then
      sent = sent + 1
    elseif code ~= "try_again" then
      return sent, code
    end
    assert(os.time() < deadline, message)
  end
  return sent
end

local function readers()
  local pipe, count = io.popen("cat /proc/$PPID/task/*/comm"), 0
  for name in pipe:lines() do
    count = count + (name == "corosync-reader" and 1 or 0)
  end
  pipe:close()
  return count
end

-- A thread is still listed for a moment after its end.
local function all_readers_end()
  local deadline = os.time() + 60
  while readers() > 0 do
    collectgarbage() -- for those that earlier specs have left to the collector
    assert(os.time() < deadline, "a reader has not ended")
  end
end

after_each(handles.close_all)

describe("a reader", function()
  it("takes events while the script is busy; dispatch reports the lag and delivers them in order", function()
    local handle, seen = member { after = 0 }
    assert.equal(1000, send_numbers(handle, 1000))
    dispatch_until(handle, function() return #seen.messages == 1000 end)
    assert_numbers(seen.messages, 1000)
    local before, seconds, events, bytes = (table.unpack or unpack)(seen.lags[1]) -- luacheck: ignore 113
    assert.equal(0, before)
    assert.is_true(seconds >= 0 and seconds < 60)
    assert.is_true(events > 256 and events <= 1001)
    assert.is_true(bytes >= events * 8)
  end)

  it("delivers the same through receive", function()
    local handle = member(true)
    assert.equal(600, send_numbers(handle, 600))
    local event, seconds, events, bytes = handles.receive(handle)
    assert.equal("lagged", event)
    assert.same({ "number", "number", "number" }, { type(seconds), type(events), type(bytes) })
    local seen = {}
    while #seen < 600 do
      local name, _, message = handles.receive(handle)
      if name == "message" then
        table.insert(seen, message)
      end
    end
    assert_numbers(seen, 600)
  end)

  it("makes the descriptor readable while it holds events", function()
    local handle, seen = member { after = 0 }
    assert.is_false(handle:wait(0))
    assert.equal(600, send_numbers(handle, 600))
    assert.is_true(handle:wait(60))
    dispatch_until(handle, function() return #seen.messages == 600 end)
    assert.is_false(handle:wait(0.05))
  end)

  it("keeps the order when fetch takes more events", function()
    local handle, seen = member { after = 0 }
    assert.equal(500, send_numbers(handle, 500))
    assert.is_true(handle:fetch(0)) -- moves the reader's events
    for i = 501, 1100 do
      local deadline = os.time() + 60
      while not handle:send(("%d "):format(i)) do
        assert(handle:fetch(0.01) ~= nil)
        assert(os.time() < deadline)
      end
    end
    dispatch_until(handle, function() return #seen.messages == 1100 end)
    assert_numbers(seen.messages, 1100)
  end)

  it("makes fetch return at once while it holds events", function()
    local handle = member { after = 0 }
    local other, seen = member()
    assert.equal(100, send_numbers(handle, 100))
    assert(other:send "after these")
    dispatch_until(other, function() return #seen.messages == 1 end) -- so the reader has had its chance
    local began = core.now()
    assert.is_true(handle:fetch(600))
    assert.is_true(core.now() - began < 300)
  end)

  it("leaves the group at its limit: earlier events are delivered, then dispatch fails with the reason", function()
    local handle, seen, name = member { after = 0, limit = 100000 }
    handles.flood(name, 150, 1000)
    handles.wait_until_empty(name)
    local message, code = handles.dispatch_until_failure(handle)
    assert.equal("overflow", code)
    assert.matches("^cannot dispatch cpg: its handlers lag, .* raise the limit", message)
    assert_numbers(seen.messages, #seen.messages)
    assert.is_true(#seen.messages >= 90 and #seen.messages < 110, #seen.messages)
    fails("overflow", handle:dispatch())
    fails("overflow", handle:receive())
    fails("overflow", handle:send "")
    assert.is_true(handle:close())
    -- The process may join again.
    local again = open()
    assert(handles.join(again, name))
  end)

  it("only stops taking events at its limit with full = \"stop\"", function()
    local handle, seen, name = member { after = 0, limit = 10000, full = "stop" }
    handles.flood(name, 2000, 1000)
    dispatch_until(handle, function() return #seen.messages == 2000 end)
    assert_numbers(seen.messages, 2000)
  end)

  it("leaves the group at its limit also when a handler fetched the queued events", function()
    local handle, seen, name, code
    handle, seen, name = member({ after = 0.02, limit = 300000 }, {
      message_received = function(_, message)
        table.insert(seen.messages, message)
        if message == "go" then
          handles.flood(name, 400, 1000)
          local deadline = os.time() + 60
          repeat
            assert(handle:fetch(0.1) ~= nil)
            code = select(3, handle:send "")
            assert(os.time() < deadline)
          until code == "not_joined"
        end
      end,
    })
    assert(handle:send "go")
    assert.equal("overflow", select(2, handles.dispatch_until_failure(handle)))
    table.remove(seen.messages, 1)
    assert.is_true(#seen.messages >= 250 and #seen.messages < 310, #seen.messages)
  end)

  for _, full in ipairs { "leave", "stop" } do
    it("makes a handler's sends fail with backlog until its messages are handled, with " .. full, function()
      local sent, code = 0, nil
      local handle, seen, name
      handle, seen, name = member({ after = 0.02, limit = 300000, full = full }, {
        message_received = function(_, message)
          table.insert(seen.messages, message)
          local deadline = os.time() + 60
          while message == "go" and code ~= "backlog" do
            local ok
            ok, message, code = handle:send(("%d "):format(sent + 1) .. ("x"):rep(1000))
            sent = ok and sent + 1 or sent
            message = code == "backlog" and message or "go"
            assert(ok or code ~= "try_again" or handle:fetch(0.3) ~= nil)
            assert(os.time() < deadline)
          end
          if code == "backlog" and #seen.messages == 1 then seen.why = message end
        end,
      })
      assert(handle:send "go")
      dispatch_until(handle, function() return seen.why end)
      assert.matches("^cannot send to group '" .. name .. "': .* quarter of the reader's limit", seen.why)
      assert.is_true(sent >= 65 and sent <= 75, sent)
      dispatch_until(handle, function() return #seen.messages == sent + 1 end)
      table.remove(seen.messages, 1)
      assert_numbers(seen.messages, sent)
      assert(handle:send "again")
      dispatch_until(handle, function() return #seen.messages == sent + 1 end)
      assert.equal(1, #assert(handle:members(name)))
    end)
  end

  it("lets a member send whatever others have queued, and a message of any size when none of its own is", function()
    local handle, seen, name = member { after = 0, limit = 100000 }
    handles.flood(name, 80, 1000)
    assert(handle:wait(60))
    assert.equal(20, send_numbers(handle, 20))
    dispatch_until(handle, function() return #seen.messages == 100 end)
    assert(handle:send(("x"):rep(50000)))
    dispatch_until(handle, function() return #seen.messages == 101 end)
  end)

  it("reports the lag for fetched events as well, and again as it grows", function()
    local handle, seen = member(false)
    local witness, witnessed = member(false)
    local idle = core.pollset()
    for round = 1, 40 do
      assert.equal(50, send_numbers(handle, 50))
      assert(witness:send "behind these")
      -- All have come now. A lag ends with the last event that waited at its beginning.
      dispatch_until(witness, function() return #witnessed.messages == round end)
      assert.is_true(handle:fetch(1))
      assert(handle:dispatch(1))
      idle:wait(0.01)
      if #seen.lags >= 3 then break end
      assert.is_true(round < 40, "not told")
    end
    idle:close()
    for i = 2, 3 do
      assert.is_true(seen.lags[i][3] > seen.lags[i - 1][3]) -- events
      assert.is_true(seen.lags[i][4] > seen.lags[i - 1][4]) -- bytes
      assert.is_true(seen.lags[i][2] >= 2 * seen.lags[i - 1][2]) -- seconds
    end
  end)

  it("reports the lag before the event that follows a slow handler", function()
    local order, handle = {}, nil
    handle = member(false, {
      message_received = function(_, message)
        order[#order + 1] = message
        if message == "slow" then
          order = { "slow" }
          repeat handle:fetch(0.1) until handle:counters().waiting == 3
          handle:fetch(0.2) -- for so long, because no more events come
        end
      end,
      lagged = function(seconds, events) order[#order + 1] = seconds > 0 and events > 0 and "lagged" end,
    })
    for _, message in ipairs { "1", "slow", "2", "3", "4" } do
      assert(handle:send(message))
    end
    dispatch_until(handle, function() return order[#order] == "4" end)
    assert.equal("lagged", order[2])
    assert.equal("2", order[3])
  end)

  it("ends with its handle, whatever it holds", function()
    all_readers_end() -- those of earlier specs
    local handle = member { after = 0 }
    assert.equal(1, readers())
    send_numbers(handle, 600)
    assert.is_true(handle:close())
    all_readers_end()
    member { after = 0 } -- closed by the collector
    handles.made = {}
    handle = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    all_readers_end()
  end)

  it("can end inside a handler, and the handle can be closed there", function()
    local handle, count = nil, 0
    handle = member({ after = 0 }, {
      message_received = function()
        count = count + 1
        handle:close()
      end,
    })
    send_numbers(handle, 600)
    dispatch_until(handle, function() return count > 0 end)
    fails("closed", handle:dispatch())
    assert.equal(1, count)
  end)

  it("is left alone by a fork, whose methods fail", function()
    local handle, seen = member { after = 0 }
    send_numbers(handle, 300)
    assert.equal(0, process.fork(function()
      local codes = handles.codes(handle, { "dispatch", "receive", "fetch", "close" })
      return codes.dispatch == "wrong_process" and codes.receive == "wrong_process" and codes.fetch == "wrong_process"
        and codes.close == "wrong_process"
    end))
    dispatch_until(handle, function() return #seen.messages == 300 end)
    assert_numbers(seen.messages, 300)
  end)

  it("continues after its limit was reached by the handle's own queue", function()
    local handle, seen, name = member({ after = 0.1, limit = 20000, full = "stop" }, { window = 30 })
    assert(handle:send(("x"):rep(30000)))
    assert.is_true(handle:fetch(60))
    handles.flood(name, 1, 10) -- as a slow handler: meanwhile the reader finds no room
    dispatch_until(handle, function() return #seen.messages == 2 end)
    assert.equal(60, send_numbers(handle, 60)) -- only a reader that takes opens the window
  end)

  it("helps a script that dispatches often and never everything", function()
    local handle = member { after = 0.05 }
    local idle, deadline, event = core.pollset(), os.time() + 60
    assert.equal(200, send_numbers(handle, 200))
    repeat
      assert(os.time() < deadline, "the reader has taken nothing")
      event = handles.receive(handle)
      assert(event ~= "message" or handle:send "another")
      idle:wait(0.005) -- as a slow handler
    until event == "lagged"
    idle:close()
  end)

  it("allows a fork to open handles at any moment #once", function()
    local handle = member { after = 0 }
    for _ = 1, 20 do
      send_numbers(handle, 100, 100000)
      assert.equal(0, process.fork(function()
        process.expire(300)
        return cpg.open {} ~= nil
      end))
      assert(handle:dispatch())
    end
  end)

  it("raises for unknown options, naming them", function()
    local function refused(reader, pattern)
      assert.error_matches(function() cpg.open { reader = reader } end, pattern)
    end
    refused(1, "field 'reader' is a number, and a boolean or table is expected")
    refused({ limits = 1 }, "unknown field 'limits'")
    refused({ limit = 0 }, "field 'limit' is a number, and a number of bytes from 1 on is expected")
    refused({ limit = 1.5 }, "'limit'")
    refused({ limit = "1" }, "field 'limit' is a string")
    refused({ after = -1 }, "'after'")
    refused({ after = 0 / 0 }, "'after'")
    refused({ after = math.huge }, "'after'")
    refused({ full = "halt" }, "field 'full' is a string, and a string \"leave\" or \"stop\" is expected")
  end)
end)
