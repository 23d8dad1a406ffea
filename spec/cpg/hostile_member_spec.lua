-- A plain C program in the group (spec/helpers/clients/hostile.c) sends arbitrary bytes at full rate. All of it must
-- arrive byte for byte, in order and once, with and without a reader, and another group must not notice.
local handles = require "spec.helpers.handles"

local PROGRAM = ("build/%s/spec/hostile"):format(os.getenv "LUA_VERSION")
local LIMIT = 1047552 -- the longest message that Corosync delivers as one

-- The program's messages are cut from this: each 257 bytes differ from the 257 before and after.
local PERIOD = {}
for byte = 0, 255 do
  PERIOD[#PERIOD + 1] = string.char(byte)
end
PERIOD = table.concat(PERIOD) .. "\0"

local function expected(number, size)
  local first = number % 257
  return PERIOD:rep(math.floor((first + size) / 257) + 1):sub(first + 1, first + size)
end

-- A string's bytes are not shown when they are not the expected ones: there are too many.
local function check(number, size, message)
  assert.equal(size, #message)
  assert(message == expected(number, size), ("message %d of %d bytes is not what was sent"):format(number, size))
end

local function start(group, ...)
  local hex = group:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  return assert(io.popen(table.concat({ "exec", PROGRAM, hex, ... }, " ")))
end

local count = 0
local function group_name()
  count = count + 1
  return "hostile " .. count
end

for _, reader in ipairs { false, true } do
  describe(reader and "a member of a hostile group, with a reader," or "a member of a hostile group", function()
    after_each(handles.close_all)

    -- A joined member, and the events that it receives from others.
    local function listen(group)
      local handle, seen = nil, { messages = {}, joined = 0, left = 0, reasons = {} }
      local function count_others(list, what)
        for _, address in ipairs(list) do
          seen[what] = seen[what] + (address == handle:address() and 0 or 1)
          seen.reasons[#seen.reasons + 1] = address ~= handle:address() and address.reason or nil
        end
      end
      handle = handles.open {
        reader = reader and { after = 0 },
        split = true,
        config_change = function(_, left, joined)
          seen.ready = true
          count_others(joined, "joined")
          count_others(left, "left")
        end,
        message_received = function(address, message)
          assert(address ~= handle:address())
          -- Each message belongs to a member that is there.
          assert(seen.joined == seen.left + 1)
          table.insert(seen.messages, message)
        end,
        error = function(message) seen.problem = seen.problem or message end,
      }
      assert(handles.join(handle, group))
      handles.dispatch_until(handle, function() return seen.ready end)
      return handle, seen
    end

    -- A member of a group of its own: a function that sends a message and returns all that was delivered, in order.
    local function talk_alone()
      local said, heard = 0, 0
      local handle = handles.open {
        message_received = function(_, message)
          heard = heard + 1
          assert.equal(heard, tonumber(message))
        end,
        error = error,
      }
      assert(handles.join(handle, group_name()))
      return function()
        said = said + (handle:send(tostring(said + 1)) and 1 or 0)
        assert(handle:dispatch())
        assert.is_true(said - heard <= 256) -- the window
      end
    end

    -- Dispatches until the program's members have left, with the other handle between.
    local function hear(handle, seen, members, between)
      local deadline = os.time() + 120
      while seen.left < members do
        assert(os.time() < deadline, "timed out")
        handle:wait(0.01)
        assert(handle:dispatch(100))
        between()
      end
      assert.is_nil(seen.problem)
      assert.equal(members, seen.joined)
    end

    -- Runs the program to its end and returns the events.
    local function run(group, members, ...)
      local handle, seen = listen(group)
      local talk = talk_alone()
      local pipe = start(group, ...)
      hear(handle, seen, members, talk)
      pipe:close()
      return seen
    end

    local function receives(group, sizes)
      local seen = run(group, 1, "send", (table.unpack or unpack)(sizes)) -- luacheck: ignore 113
      assert.equal(#sizes, #seen.messages)
      for i, size in ipairs(sizes) do
        check(i - 1, size, seen.messages[i])
      end
      assert.same({ "join", "leave" }, seen.reasons)
    end

    it("receives empty messages, every byte, and sizes around each limit", function()
      receives(group_name(), { 0, 1, 2, 255, 256, 257, 0, 4095, 4096, 4097, 65535, 65536, 65537, 0, LIMIT - 1, LIMIT })
    end)

    it("receives messages that libcpg splits", function()
      receives(group_name(), { LIMIT + 1, 0, 1048576, 1048577, 2 * LIMIT, 2 * LIMIT + 1, 1, 5000000 })
    end)

    it("receives group names of every length and with every byte", function()
      for _, name in ipairs { "\0", ("\0"):rep(128), PERIOD:sub(1, 128), PERIOD:sub(129, 256),
        ("n"):rep(110) .. "\0" } do
        receives(name, { 3 })
      end
    end)

    it("receives messages sent at full rate", function()
      local sizes = {}
      for i = 1, 5000 do
        sizes[i] = i % 70
      end
      receives(group_name(), sizes)
    end)

    it("receives nothing more after its own leave was reported", function()
      local group, sizes = group_name(), {}
      for i = 1, 20000 do
        sizes[i] = i % 10
      end
      local heard, left, after, handle = 0, false, 0, nil
      local function note()
        heard, after = heard + 1, after + (left and 1 or 0)
      end
      handle = handles.open {
        reader = reader and { after = 0 },
        message_received = note,
        config_change = function(_, gone)
          note()
          for _, address in ipairs(gone) do
            left = left or address == handle:address()
          end
        end,
      }
      assert(handles.join(handle, group))
      handles.dispatch_until(handle, function() return heard > 0 end)
      local pipe = start(group, "send", table.concat(sizes, " "))
      handles.dispatch_until(handle, function() return heard > 10 end)
      handles.leave(handle)
      handles.dispatch_until(handle, function() return left end)
      pipe:close()
      while select(2, assert(handle:dispatch())) do end
      assert.equal(0, after)
    end)

    it("receives joins and leaves at full rate", function()
      local seen = run(group_name(), 50, "churn", 50)
      assert.equal(50, #seen.messages)
      for i, message in ipairs(seen.messages) do
        check(i - 1, (i - 1) % 100, message)
      end
    end)

    it("receives no part of a message whose sender died in it, nor does a later joiner", function()
      local group = group_name()
      local seen = run(group, 1, "die", 64000000)
      assert.same({}, seen.messages)
      assert.same({ "join", "procdown" }, seen.reasons)
      handles.close_all()
      receives(group, { 10, 2000000 })
    end)
  end)
end
