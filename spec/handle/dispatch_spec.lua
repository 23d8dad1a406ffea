local handles = require "spec.helpers.handles"

local open, dispatch_until = handles.open, handles.dispatch_until
local group_name = handles.group_name
local member = handles.member
local receive, fails = handles.receive, handles.fails
after_each(handles.close_all)

describe("handle:dispatch", function()
  it("handles at most its budget and returns whether more events are queued", function()
    local handle, record = member()
    dispatch_until(handle, function() return #record.rings > 0 end)
    for i = 1, 5 do
      assert(handle:send(tostring(i)))
    end
    while #record.messages < 2 do
      handle:wait(1)
      assert(handle:dispatch(2 - #record.messages) <= 2)
    end
    assert.equal(2, #record.messages)
    assert.same({ 0 }, { (handle:dispatch(0)) })
    dispatch_until(handle, function() return #record.messages == 5 end)
    assert.same({ 0, false }, { handle:dispatch() })
    assert.error_matches(function() handle:dispatch(-1) end, "budget")
  end)

  it("continues after a handler that raises, and reports each error with its traceback", function()
    local count = 0
    local handle, record = member(nil, {
      message_received = function()
        count = count + 1
        error(count == 1 and "plain" or setmetatable({}, { __tostring = function() return "an object" end }))
      end,
    })
    for _ = 1, 3 do
      assert(handle:send("x"))
    end
    dispatch_until(handle, function() return count == 3 end)
    assert.equal(3, #record.errors)
    assert.matches("dispatch_spec.lua:%d+: plain\nstack traceback:", record.errors[1])
    assert.matches("^an object\nstack traceback:", record.errors[2])
  end)

  it("survives an error handler that raises", function()
    local count = 0
    local handle = member(nil, {
      message_received = function() count = count + 1 error("first") end,
      error = function() error("second") end,
    })
    assert(handle:send("x"))
    assert(handle:send("y"))
    dispatch_until(handle, function() return count == 2 end)
  end)

  it("drops queued events when a handler closes the handle", function()
    local handle, count = nil, 0
    handle = member(nil, {
      message_received = function()
        count = count + 1
        assert(handle:close())
      end,
    })
    for _ = 1, 3 do
      assert(handle:send("x"))
    end
    while count == 0 do
      handle:wait(1)
      handle:dispatch()
    end
    assert.equal(1, count)
    fails("closed", handle:dispatch())
  end)

  it("allows a handler to collect garbage", function()
    local count = 0
    local handle, record = member(nil, { message_received = function() count = count + 1 collectgarbage() end })
    for _ = 1, 10 do
      assert(handle:send(("x"):rep(1000)))
    end
    dispatch_until(handle, function() return count == 10 end)
    assert.same({}, record.errors)
  end)

  it("calls a replaced handler for the next event", function()
    local seen = {}
    local handle, _, handlers = member(nil, {})
    handlers.message_received = function(_, message)
      seen[#seen + 1] = "old " .. message
      handlers.message_received = function(_, next_message) seen[#seen + 1] = "new " .. next_message end
    end
    assert(handle:send("1"))
    assert(handle:send("2"))
    dispatch_until(handle, function() return #seen == 2 end)
    assert.same({ "old 1", "new 2" }, seen)
  end)

  it("fails inside a handler, as receive does, to keep the order", function()
    local handle, answers = nil, {}
    handle = member(nil, {
      message_received = function()
        answers[1] = select(3, handle:dispatch())
        answers[2] = select(3, handle:receive())
        answers[3] = handle:fetch()
      end,
    })
    assert(handle:send("x"))
    assert(handle:send("y"))
    dispatch_until(handle, function() return #answers > 0 end)
    assert.same({ "dispatching", "dispatching" }, { answers[1], answers[2] })
    assert.is_boolean(answers[3])
  end)

  it("keeps the order of events that fetch queued", function()
    local handle, record = member()
    for i = 1, 200 do
      assert(handle:send(tostring(i)))
      handle:fetch()
    end
    dispatch_until(handle, function() return #record.messages == 200 end)
    for i = 1, 200 do
      assert.equal(tostring(i), record.messages[i][2])
    end
  end)

  it("handles the events that fetch waited for", function()
    handles.wait_until_no_groups()
    local handle = open()
    assert.is_false(handle:fetch(0.01))
    assert(handles.join(handle, group_name()))
    assert.is_true(handle:fetch(60))
    assert.error_matches(function() handle:fetch(-1) end, "seconds")
  end)

  it("returns early when a handler calls stop", function()
    local handle, count = nil, 0
    handle = member(nil, { message_received = function() count = count + 1 handle:stop() end })
    for _ = 1, 3 do
      assert(handle:send("x"))
    end
    while count == 0 do
      handle:wait(1)
      handle:dispatch()
    end
    assert.equal(1, count)
    dispatch_until(handle, function() return count == 3 end)
  end)
end)

describe("a cpg handler", function()
  it("may leave, and its own leave is reported", function()
    local handle, codes, left = nil, {}, nil
    handle = open {
      message_received = function()
        assert(handle:leave())
        codes[1] = select(3, handle:send("x"))
      end,
      config_change = function(_, gone) left = gone[1] end,
    }
    assert(handles.join(handle, group_name()))
    assert(handle:send("go"))
    dispatch_until(handle, function() return left ~= nil end)
    assert.same({ "not_joined" }, codes)
    assert.equal("leave", left.reason)
  end)

  it("may send", function()
    local handle, seen = nil, {}
    handle = open {
      message_received = function(_, message)
        seen[#seen + 1] = message
        if #message < 5 then
          assert(handle:send(message .. "x"))
        end
      end,
    }
    assert(handles.join(handle, group_name()))
    assert(handle:send("x"))
    dispatch_until(handle, function() return #seen == 5 end)
    assert.equal("xxxxx", seen[5])
  end)
end)

describe("handle:receive", function()
  it("returns events in order, or nil", function()
    local handle = open {}
    assert(handles.join(handle, group_name()))
    assert(handle:send("hello"))
    -- The ring comes with the first change of any group after the opening, so perhaps before one's own.
    local events = {}
    for _ = 1, 2 do
      local event = { receive(handle) }
      events[event[1]] = event
    end
    local members, left, joined = (table.unpack or unpack)(events.config, 2) -- luacheck: ignore 113
    assert.equal(1, #members)
    assert.equal(0, #left)
    assert.equal(handle:address(), joined[1])
    assert.is_number(events.ring[2].seq)
    assert.same({ handle:address().node }, events.ring[3])
    assert.same({ "message", handle:address(), "hello" }, { receive(handle) })
    assert.equal(0, select("#", handle:receive()))
  end)

  it("allows yields between events in a coroutine", function()
    local handle = open {}
    assert(handles.join(handle, group_name()))
    assert(handle:send("first"))
    assert(handle:send("second"))
    local seen = {}
    local function on_message(_, message)
      seen[#seen + 1] = "before " .. message
      coroutine.yield("in a handler")
      seen[#seen + 1] = "after " .. message
    end
    local consumer = coroutine.create(function()
      while #seen < 4 do
        local kind, address, message = handle:receive()
        if kind == "message" then
          on_message(address, message)
        elseif not kind then
          coroutine.yield("nothing yet")
        end
      end
    end)
    local yields = 0
    local deadline = os.time() + 60
    while coroutine.status(consumer) ~= "dead" and os.time() < deadline do
      local _, what = assert(coroutine.resume(consumer))
      if what == "in a handler" then
        yields = yields + 1
      elseif what then
        handle:wait(1)
      end
    end
    assert.equal(2, yields)
    assert.same({ "before first", "after first", "before second", "after second" }, seen)
  end)
end)
