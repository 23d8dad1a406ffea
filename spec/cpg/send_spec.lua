local handles = require "spec.helpers.handles"

local send = handles.send

local LIMIT = 1047552 -- bytes: cpg_max_atomic_msgsize_get of Corosync 3
local open, dispatch_until = handles.open, handles.dispatch_until
local member = handles.member
local fails = handles.fails

after_each(handles.close_all)

describe("handle:send", function()
  it("fails before join and after leave, where libcpg would lose the message", function()
    local handle = open()
    fails("not_joined", handle:send("x"))
    handle = member()
    assert(handle:leave())
    fails("not_joined", handle:send("x"))
  end)

  it("sends strings, numbers as strings, and arrays of strings as one message", function()
    local handle, record = member()
    assert.is_true(handle:send("one"))
    assert.is_true(handle:send({ "t", "", "wo" }, "fifo"))
    assert.is_true(handle:send(3, "agreed"))
    assert.is_true(handle:send {})
    dispatch_until(handle, function() return #record.messages == 4 end)
    assert.equal("one", record.messages[1][2])
    assert.equal("two", record.messages[2][2])
    assert.equal("3", record.messages[3][2])
    assert.equal("", record.messages[4][2])
  end)

  it("sends messages from 0 bytes to the limit whole", function()
    local handle, record = member()
    assert.equal(LIMIT, handle:max_message_size())
    local full = ("0123456789abcdef"):rep(LIMIT / 16)
    send(handle, "")
    send(handle, full)
    send(handle, { full:sub(1, 1000), full:sub(1001) })
    dispatch_until(handle, function() return #record.messages == 3 end)
    assert.equal("", record.messages[1][2])
    assert.is_true(record.messages[2][2] == full)
    assert.is_true(record.messages[3][2] == full)
  end)

  it("fails with too_big above the limit", function()
    local handle = member()
    fails("too_big", handle:send(("x"):rep(LIMIT + 1)))
    fails("too_big", handle:send { ("x"):rep(LIMIT), "y" })
  end)

  it("lets libcpg split longer messages with split = true", function()
    local handle, record = member(nil, { split = true })
    local long = ("0123456789abcdef"):rep(10 * 1024 * 64)
    send(handle, long)
    dispatch_until(handle, function() return #record.messages == 1 end)
    assert.is_true(record.messages[1][2] == long)
  end)

  it("accepts 63 strings and fails for 64, with which libcpg would end the process", function()
    local handle, record = member()
    local strings = {}
    for i = 1, 63 do
      strings[i] = ("%02d"):format(i)
    end
    assert.is_true(handle:send(strings))
    dispatch_until(handle, function() return #record.messages == 1 end)
    assert.equal(table.concat(strings), record.messages[1][2])
    strings[64] = "64"
    fails("too_many", handle:send(strings))
  end)

  it("raises for anything but strings, naming the position", function()
    local handle = member()
    assert.error_matches(function() handle:send(nil) end, "string or an array of strings")
    assert.error_matches(function() handle:send { "a", {} } end, "message%[2%]")
    assert.error_matches(function() handle:send { text = "a" } end, "message is a table without message%[1%]")
    assert.error_matches(function() handle:send("a", "safe") end, "safe")
  end)

  it("fails with try_again when Corosync's queue is full, and accepted messages are delivered", function()
    local handle, record = member()
    local message, taken, refused = ("x"):rep(100000), 0, nil
    for _ = 1, 5000 do
      local ok, _, code = handle:send(message)
      if not ok then
        refused = code
        break
      end
      taken = taken + 1
    end
    assert.equal("try_again", refused)
    dispatch_until(handle, function() return #record.messages == taken end)
  end)
end)

describe("handle:flow_control", function()
  it("returns Corosync's value, which never changes", function()
    assert.is_false(open():flow_control())
  end)
end)
