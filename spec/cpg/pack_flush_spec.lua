local handles = require "spec.helpers.handles"
local packing = require "spec.helpers.packing"
local process = require "spec_process"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local dispatch_until, fails = handles.dispatch_until, handles.fails
local arrived, member, observed, send, settle =
  packing.arrived, packing.member, packing.observed, packing.send, packing.settle
local check_texts = packing.check_texts
local line = program.line

local unpack = table.unpack or unpack -- luacheck: globals unpack

local FILLING = packing.FILLING

after_each(packing.clean)

describe("a frame", function()
  it("with a lone message goes out at once", function()
    local handle, record, it = observed()
    assert(handle:send "lone")
    line(it, "^frame lone$")
    arrived(handle, record, 1)
    assert(handle:send "another")
    line(it, "^frame another$")
  end)

  -- A frame with a message that has not been sent, because another one is under way.
  local function pending()
    local handle, record, it = observed { pack = { bytes = 8000 } }
    assert(handle:send "first")
    assert(handle:send "second")
    assert(handle:send "third")
    line(it, "^frame first$")
    settle(it)
    assert.equal(0, packing.count(it, "frame second|third"))
    return handle, record, it
  end

  for what, call in pairs {
    ["at the end of dispatch"] = function(handle) return handle:dispatch(0) end,
    ["before wait"] = function(handle) return handle:wait(0) ~= nil end,
    ["before fetch"] = function(handle) return handle:fetch(0) ~= nil end,
    ["with flush"] = function(handle) return handle:flush() end,
    ["when the next one would make it too long"] = function(handle) return handle:send(("x"):rep(7990)) end,
  } do
    it("goes out " .. what, function()
      local handle, record, it = pending()
      assert(call(handle))
      line(it, "^frame second|third$")
      assert.same({ "first", "second", "third" }, { unpack(arrived(handle, record, 3), 1, 3) })
    end)
  end

  it("goes out with a receive that finds nothing", function()
    local handle, _, it = pending()
    local event
    repeat event = handle:receive() until not event
    line(it, "^frame second|third$")
  end)

  it("makes the descriptor readable soon when nothing else sends it, so that a dispatch does", function()
    local handle, _, it = observed()
    assert(handle:send(("a"):rep(1000)))
    -- While it waits to be handled, a shorter one stays in its frame; and nothing else is to be read.
    assert.is_true(handle:fetch(60))
    assert(handle:send "second")
    local poll, is_readable = uv.new_poll(handle:fd()), false
    poll:start("r", function() is_readable = true end)
    local became = wait.until_true(function() return is_readable end, 60)
    poll:close()
    assert.is_true(became)
    assert(handle:dispatch(0))
    line(it, "^frame second$")
    -- And it does not stay readable.
    while select(2, assert(handle:dispatch())) or handle:wait(0.01) do end
  end)

  it("goes out before leave", function()
    local handle, record, it = pending()
    local own = tostring(handle:address())
    assert(handle:leave())
    line(it, "^left " .. own .. "$")
    assert.equal(1, packing.count(it, "frame second|third"))
    assert.same({ "first", "second", "third" }, arrived(handle, record, 3))
  end)

  it("and a long message go out before leave, which fails with try_again until then", function()
    local handle, record, it = observed()
    local own = tostring(handle:address())
    local long = FILLING:sub(1, 3000000)
    send(handle, long)
    local message = fails("try_again", handle:leave())
    assert.matches("^cannot leave group '.*': a long message of this handle is on its way", message)
    dispatch_until(handle, function() return handle:leave() end)
    check_texts({ long }, arrived(handle, record, 1))
    dispatch_until(handle, function()
      local last = record.configs[#record.configs]
      return last.left[1] == handle:address()
    end)
    line(it, "^left " .. own .. "$")
  end)

  it("is lost with its handle", function()
    local handle, _, it = pending()
    local own = tostring(handle:address())
    assert(handle:close())
    line(it, "^left " .. own .. "$")
    assert.equal(0, packing.count(it, "frame second|third"))
  end)

  it("is not sent by a fork", function()
    local handle, record, it = pending()
    assert.equal(0, process.fork(function()
      local codes = handles.codes(handle, { "dispatch", "receive", "fetch", "wait", "flush", "leave", "close" })
      codes.send = select(3, handle:send "x")
      handles.made = {}
      handle = nil -- luacheck: ignore 311
      collectgarbage()
      for _, code in pairs(codes) do
        if code ~= "wrong_process" then return false end
      end
      return true
    end))
    settle(it)
    assert.equal(0, packing.count(it, "frame second|third"))
    assert(handle:flush())
    settle(it)
    assert.equal(1, packing.count(it, "frame second|third"))
    assert.same({ "first", "second", "third" }, arrived(handle, record, 3))
  end)

  it("goes out after handlers that raise or stop the dispatch", function()
    local handle, record, it, _
    handle, record, it, _ = observed {
      message_received = function(_, message)
        table.insert(record.messages, message)
        assert(handle:send("reply 1 to " .. message) and handle:send("reply 2 to " .. message))
        if message == "raise" then error "mine" end
        handle:stop()
      end,
    }
    assert(handle:send "raise")
    dispatch_until(handle, function() return record.messages[1] end)
    line(it, "^frame.*reply 2 to raise$")
    assert.matches("pack_flush_spec.lua:%d+: mine", record.errors[1])
    local before = #record.messages
    repeat handle:wait(1) until assert(handle:dispatch()) > 0
    assert.equal(before + 1, #record.messages)
    line(it, "reply 2 to reply 1 to raise$")
  end)

  it("is dropped when a handler closes the handle", function()
    local calls = 0
    local handle, it, _
    handle, _, it = observed {
      message_received = function()
        calls = calls + 1
        assert(handle:send "second" and handle:send "third" and handle:send "fourth")
        handle:close()
      end,
    }
    local own = tostring(handle:address())
    assert(handle:send "first")
    dispatch_until(handle, function() return calls > 0 end)
    fails("closed", handle:dispatch())
    fails("closed", handle:flush())
    fails("closed", handle:send "x")
    line(it, "^left " .. own .. "$")
    assert.equal(1, calls)
  end)
end)

describe("handle:flush", function()
  it("returns true when nothing waits: without pack, before join, and after leave, too", function()
    local handle, record = member()
    assert.is_true(handle:flush())
    assert(handle:send "x")
    assert.is_true(handle:flush())
    arrived(handle, record, 1)
    assert.is_true(handle:flush())
    assert(handle:leave())
    assert.is_true(handle:flush())
    assert.is_true(handles.member():flush())
    assert.is_true(handles.open { pack = true }:flush())
    assert.is_true(handles.open():flush())
  end)

  it("fails with try_again while a long message is on its way", function()
    local handle, record = member()
    assert(handle:send(FILLING:sub(1, 2000000)))
    fails("try_again", handle:flush())
    arrived(handle, record, 1)
    assert.is_true(handle:flush())
  end)

  it("fails with not_joined when its reader has left the group, and with closed on a closed handle", function()
    local name = handles.group_name()
    local handle, record = member(name, { reader = { after = 0, limit = 100000 } })
    -- The second one stays in its frame, also if the reader takes the first, which is longer, at once.
    assert(handle:send(("first"):rep(10)) and handle:send "second")
    packing.flood(name, 1000, 1000)
    handles.wait_until_empty(name)
    fails("not_joined", handle:flush())
    assert.equal("overflow", select(2, handles.dispatch_until_failure(handle)))
    assert.same({}, record.errors)
    assert(handle:close())
    fails("closed", handle:flush())
  end)
end)
