local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"
local packing = require "spec.helpers.packing"
local process = require "spec_process"
local uv = require "luv"

local dispatch_until, fails = handles.dispatch_until, handles.fails
local arrived, member, observed, send, settle =
  packing.arrived, packing.member, packing.observed, packing.send, packing.settle
local check_texts = packing.check_texts

local LONGEST_WHOLE = 1047540 -- bytes
local PIECE = 64 * 1024
local FILLING = packing.FILLING

-- A message of so many bytes that begins with its number.
local function numbered(number, size)
  local head = ("%d "):format(number)
  return head .. FILLING:sub(1, math.max(size - #head, 0))
end

after_each(packing.clean)

describe("a cpg handle that packs", function()
  local MANY = 20000

  it("delivers all messages once and in order through dispatch", function()
    local handle, record = member()
    for i = 1, MANY do
      send(handle, numbered(i, i % 70))
    end
    handles.assert_numbers(arrived(handle, record, MANY), MANY)
    assert.same({}, record.errors)
    assert.is_false(handle:wait(0.05))
  end)

  it("delivers all messages once and in order through receive", function()
    local handle = handles.open { pack = true }
    assert(handles.join(handle, handles.group_name()))
    local seen, sent = {}, 0
    while #seen < MANY do
      while sent < MANY and handle:send(tostring(sent + 1)) do
        sent = sent + 1
      end
      local event, _, message = handles.receive(handle)
      seen[#seen + 1] = event == "message" and message or nil
    end
    handles.assert_numbers(seen, MANY)
  end)

  it("delivers all messages once and in order when a handler fetches to send", function()
    local handle, record -- luacheck: ignore 311
    handle, record = member(nil, {
      message_received = function(address, message)
        table.insert(record.messages, { address, message })
        for i = 1, message == "0" and MANY or 0 do
          while not handle:send(tostring(i)) do
            assert(handle:fetch(1) ~= nil)
          end
        end
      end,
    })
    assert(handle:send "0")
    local texts = arrived(handle, record, MANY + 1)
    table.remove(texts, 1)
    handles.assert_numbers(texts, MANY)
  end)

  it("has one order of messages with another member that sends at the same time", function()
    local name, path = handles.group_name(), os.tmpname()
    finally(function() os.remove(path) end)
    local function run(tag)
      local record, sent, members, others = {}, 0, 0, 0
      local handle = handles.open {
        pack = true,
        window = 256,
        config_change = function(list) members = #list end,
        message_received = function(_, message)
          record[#record + 1] = message
          others = others + (message:sub(1, 1) == tag and 0 or 1)
        end,
      }
      assert(handles.join(handle, name))
      dispatch_until(handle, function() return members == 2 end)
      while #record < 2 * MANY do
        -- Neither may send all of them while the other one gets no CPU.
        while sent < math.min(MANY, others + 1000) and handle:send(tag .. sent + 1) do
          sent = sent + 1
        end
        assert(handle:wait(60))
        assert(handle:dispatch())
      end
      return record
    end
    local ended = packing.fork(function()
      local file = assert(io.open(path, "w"))
      file:write(table.concat(run "b", "\n"))
      file:close()
      return true
    end)
    local record = run "a"
    ended()
    local file = assert(io.open(path))
    assert(file:read "*a" == table.concat(record, "\n"), "the members do not have the same order")
    file:close()
    local counts, changes = { a = 0, b = 0 }, 0
    for i, message in ipairs(record) do
      local tag, number = message:match "^(%a)(%d+)$"
      assert.equal(counts[tag] + 1, tonumber(number))
      counts[tag] = counts[tag] + 1
      changes = changes + (i > 1 and record[i - 1]:sub(1, 1) ~= tag and 1 or 0)
    end
    assert.same({ a = MANY, b = MANY }, counts)
    assert.is_true(changes > 10, changes)
  end)

  it("delivers empty messages, every byte, and arrays of strings", function()
    local handle, record = member()
    local bytes = {}
    for byte = 0, 255 do
      bytes[byte + 1] = string.char(byte)
    end
    local every, strings = table.concat(bytes), {}
    for i = 1, 63 do
      strings[i] = ("%02d"):format(i)
    end
    for _, message in ipairs { "", "", every, { "t", "", "w\0o" }, {}, strings } do
      assert.is_true(handle:send(message))
    end
    assert.is_true(handle:send(7, "fifo"))
    assert.same({ "", "", every, "tw\0o", "", table.concat(strings), "7" }, arrived(handle, record, 7))
    strings[64] = "64"
    fails("too_many", handle:send(strings))
  end)

  it("delivers messages of every size around its limits whole and in order", function()
    local handle, record = member(nil, { pack = { bytes = 8000 } })
    local expected = {}
    for i, size in ipairs { 1, 7987, 7988, 7989, 8000, 8001, 3, 100000, 4, LONGEST_WHOLE - 1, LONGEST_WHOLE, 5,
      LONGEST_WHOLE + 1, 6, 16 * PIECE - 1, 16 * PIECE, 16 * PIECE + 1, 17 * PIECE, 2, 3000000, 3000001 } do
      expected[i] = numbered(i, size)
      send(handle, expected[i])
    end
    check_texts(expected, arrived(handle, record, #expected))
  end)

  it("puts messages of up to 1 047 540 bytes into one frame, and longer ones into pieces of 64 KiB", function()
    local handle, record, it = observed()
    send(handle, FILLING:sub(1, LONGEST_WHOLE))
    send(handle, FILLING:sub(1, LONGEST_WHOLE + 1))
    check_texts({ FILLING:sub(1, LONGEST_WHOLE), FILLING:sub(1, LONGEST_WHOLE + 1) }, arrived(handle, record, 2))
    settle(it)
    assert.equal(1, packing.count(it, "frame 1047540"))
    local at = 0
    for _, text in ipairs(it.lines) do
      local total, offset, bytes = text:match "^piece (%d+) (%d+) %d+ (%d+)$"
      if total then
        assert.equal(LONGEST_WHOLE + 1, tonumber(total))
        assert.equal(at, tonumber(offset))
        at = at + tonumber(bytes)
        assert.is_true(tonumber(bytes) == PIECE or at == LONGEST_WHOLE + 1)
      end
    end
    assert.equal(LONGEST_WHOLE + 1, at)
  end)

  it("fails with too_big above pack.limit", function()
    local handle, record = member(nil, { pack = { limit = 2000000 } })
    assert(handle:send "before")
    local message = fails("too_big", handle:send(FILLING:sub(1, 2000001)))
    assert.matches("^cannot send to group '.*': the message is longer than the handle's limit.*'pack.limit'", message)
    fails("too_big", handle:send { FILLING:sub(1, 1999999), "xx" })
    send(handle, FILLING:sub(1, 2000000))
    send(handle, "after")
    check_texts({ "before", FILLING:sub(1, 2000000), "after" }, arrived(handle, record, 3))
    local small, small_record = member(nil, { pack = { limit = 3 } })
    fails("too_big", small:send "four")
    assert(small:send "two")
    assert.same({ "two" }, arrived(small, small_record, 1))
  end)

  it("returns pack.limit as its longest message", function()
    assert.equal(64 * 1024 * 1024, handles.open { pack = true }:max_message_size())
    assert.equal(64 * 1024 * 1024, handles.open { pack = { bytes = 1400 } }:max_message_size())
    assert.equal(5000, handles.open { pack = { limit = 5000 } }:max_message_size())
    assert.equal(LONGEST_WHOLE + 12, handles.open { pack = false }:max_message_size())
  end)

  it("puts as many messages into a frame as pack.bytes allows", function()
    local handle, record, it = observed { pack = { bytes = 64 } }
    for i = 1, 9 do
      assert(handle:send(("%d"):format(i):rep(10)))
    end
    arrived(handle, record, 9)
    settle(it)
    local frames = {}
    for _, text in ipairs(it.lines) do
      frames[#frames + 1] = text:match "^frame (.+)$"
    end
    -- The first one goes out alone. Four messages with 4 bytes each and a header of 8 are 64 bytes.
    assert.same({ "1111111111", "2222222222|3333333333|4444444444|5555555555",
      "6666666666|7777777777|8888888888|9999999999" }, frames)
  end)
end)

describe("the window of a cpg handle that packs", function()
  it("counts messages, whether or not they have been sent", function()
    local handle, record = member(nil, { window = 4 })
    for round = 1, 3 do
      for i = 1, 4 do
        assert(handle:send(("%d %d"):format(round, i)))
      end
      local message = fails("try_again", handle:send "one more")
      assert.matches("the handle's window is full", message)
      arrived(handle, record, 4 * round)
    end
    assert.equal(12, #record.messages)
  end)

  it("is 8192 messages by default", function()
    local handle, record = member()
    local sent = 0
    while sent <= 8192 and handle:send "x" do
      sent = sent + 1
    end
    assert.equal(8192, sent)
    fails("try_again", handle:send "x")
    arrived(handle, record, sent)
    assert(handle:send "again")
    arrived(handle, record, sent + 1)
  end)

  it("counts a long message as one", function()
    local handle, record = member(nil, { window = 1 })
    for i = 1, 3 do
      assert(handle:send(numbered(i, 1100000)))
      fails("try_again", handle:send "more")
      arrived(handle, record, i)
    end
  end)

  it("does not keep messages that wait to be handled from failing with backlog", function()
    local sent, code, why = 0, nil, nil
    local handle, record
    handle, record = member(nil, {
      reader = { limit = 300000 },
      message_received = function(address, message)
        table.insert(record.messages, { address, message })
        local deadline = os.time() + 60
        while message == "go" and code ~= "backlog" do
          local ok
          ok, why, code = handle:send(numbered(sent + 1, 1000))
          sent = ok and sent + 1 or sent
          assert(ok or code ~= "try_again" or handle:fetch(0.3) ~= nil)
          assert(os.time() < deadline)
        end
      end,
    })
    assert(handle:send "go")
    dispatch_until(handle, function() return code == "backlog" end)
    assert.matches("^cannot send to group '.*': .* quarter of the reader's limit", why)
    assert.is_true(sent >= 65 and sent <= 80, sent)
    local texts = arrived(handle, record, sent + 1)
    table.remove(texts, 1)
    handles.assert_numbers(texts, sent)
    assert(handle:send "again")
    arrived(handle, record, sent + 2)
  end)
end)

describe("a cpg handle that packs with a reader", function()
  it("delivers all in order to slow handlers, and reports the lag", function()
    local handle, seen = handles.reading_member({ after = 0 }, { pack = true })
    for i = 1, 8000 do
      assert(handle:send(tostring(i)))
    end
    assert(handle:flush())
    dispatch_until(handle, function()
      handles.flood(handles.group_name(), 1, 10) -- as a slow handler
      return #seen.messages == 8000
    end)
    handles.assert_numbers(seen.messages, 8000)
    assert.is_true(#seen.lags > 0)
  end)

  it("delivers long messages that the reader has put together", function()
    local handle, seen = handles.reading_member({ after = 0 }, { pack = true })
    local expected = {}
    for i = 1, 5 do
      expected[i] = numbered(i, 1000000 * i)
      local deadline = os.time() + 60
      while not handle:send(expected[i]) do
        -- The reader takes the pieces; flush sends the next ones.
        handle:flush()
        if i > 3 then assert(handle:dispatch()) end
        assert(os.time() < deadline)
        uv.sleep(1)
      end
    end
    dispatch_until(handle, function() return #seen.messages == 5 end)
    check_texts(expected, seen.messages)
  end)

  it("only stops taking events at its limit with full = \"stop\"", function()
    local name = handles.group_name()
    local handle, record = member(name, { reader = { after = 0, limit = 10000, full = "stop" } })
    packing.flood(name, 5000, 100)
    handles.assert_numbers(arrived(handle, record, 5000), 5000)
  end)

  it("leaves the group at its limit, after whose events dispatch fails with overflow", function()
    local name = handles.group_name()
    local handle, record = member(name, { reader = { after = 0, limit = 100000 } })
    packing.flood(name, 1000, 1000)
    assert.equal("overflow", select(2, handles.dispatch_until_failure(handle)))
    local texts = packing.texts(record)
    handles.assert_numbers(texts, #texts)
    assert.is_true(#texts >= 80 and #texts < 130, #texts)
  end)

  it("ends with its handle, whatever it holds", function()
    local before = process.descriptors()
    for _ = 1, 5 do
      local handle = handles.reading_member({ after = 0 }, { pack = true })
      for i = 1, 1000 do
        assert(handle:send(tostring(i)))
      end
      assert(handle:close())
      handle = member()
      assert(handle:send(FILLING))
      assert(handle:close())
    end
    assert.equal(before, process.descriptors())
  end)
end)

describe("the option pack of cpg.open", function()
  local function refused(pack, pattern)
    assert.error_matches(function() cpg.open { pack = pack } end, pattern)
  end

  it("raises for wrong values, naming the field", function()
    refused(1, "field 'pack' is a number, and a boolean or table is expected")
    refused("yes", "field 'pack' is a string, and a boolean or table is expected")
    refused({ byte = 8 }, "unknown field 'byte'")
    for _, wrong in ipairs { 1, 63, 1000001, 100.5, "8000", true, 0 / 0, math.huge, -1 } do
      refused({ bytes = wrong }, "field 'bytes' must be a whole number from 64 to 1000000")
    end
    for _, wrong in ipairs { 0, -1, 2 ^ 31, 1.5, "1", {} } do
      refused({ limit = wrong }, "field 'limit' must be a whole number from 1 to 2147483647")
    end
  end)

  it("accepts its bounds", function()
    for _, pack in ipairs { { bytes = 64 }, { bytes = 1000000 }, { limit = 1 }, { limit = 2 ^ 31 - 1 }, {} } do
      assert(cpg.open { pack = pack }):close()
    end
  end)

  it("excludes split", function()
    for _, check in ipairs { cpg.open, cpg.check } do
      assert.error_matches(function() check { pack = true, split = true } end,
        "the fields 'pack' and 'split' exclude each other")
      assert.error_matches(function() check { pack = {}, split = true } end, "exclude each other")
    end
    assert(cpg.open { pack = false, split = true }):close()
    assert(cpg.open { pack = true, split = false }):close()
  end)
end)

describe("cpg.repack", function()
  it("changes the option of a handle that packs and has not joined", function()
    for _, reader in ipairs { false, true } do
      local handle = handles.open { pack = true, reader = reader }
      cpg.repack(handle, { limit = 100 })
      assert.equal(100, handle:max_message_size())
      cpg.repack(handle, true)
      assert.equal(64 * 1024 * 1024, handle:max_message_size())
      cpg.repack(handle, false)
      assert.equal(LONGEST_WHOLE + 12, handle:max_message_size())
      assert(handles.join(handle, handles.group_name()))
      local sent = 0
      while sent <= 256 and handle:send "x" do
        sent = sent + 1
      end
      assert.is_true(reader or sent == 256)
      local event, _, message
      repeat event, _, message = handles.receive(handle) until event == "message"
      assert.equal("x", message)
    end
  end)

  it("raises for others", function()
    local function refused(handle, pack, pattern)
      assert.error_matches(function() cpg.repack(handle, pack) end, pattern)
    end
    refused(handles.open(), true, "it does not pack, or has joined")
    refused(member(), true, "it does not pack, or has joined")
    local handle = handles.open { pack = true }
    refused(handle, 1, "field 'pack' is a number")
    refused(handle, nil, "field 'pack' is a nil")
    assert(handle:close())
    refused(handle, true, "it does not pack, or has joined")
    refused({}, true, "corosync.cpg")
  end)
end)
