-- The userdata over libcpg, on the daemon of the node that the specs run in.
local cpg = require "corosync.cpg"
local handles = require "spec.support.handles"
local process = require "spec_process"

local LIMIT = 1047552 -- bytes: cpg_max_atomic_msgsize_get of Corosync 3
local open, dispatch_until = handles.open, handles.dispatch_until
local receive, fails = handles.receive, handles.fails
local group_count = 0

-- No two specs meet in a group.
local function group_name()
  group_count = group_count + 1
  return "spec " .. group_count
end

-- Sends as soon as Corosync takes it.
local function send(handle, message)
  local ok, why, code = handle:send(message)
  local deadline = os.time() + 10
  while code == "try_again" and os.time() < deadline do
    handle:wait(0.01)
    handle:fetch()
    ok, why, code = handle:send(message)
  end
  assert(ok, why)
end

-- A member with a record of all its events.
local function member(name, more)
  local record = { messages = {}, configs = {}, rings = {}, errors = {} }
  local handlers = {
    message_received = function(address, message) table.insert(record.messages, { address, message }) end,
    config_change = function(members, left, joined)
      table.insert(record.configs, { members = members, left = left, joined = joined })
    end,
    ring_change = function(ring, nodes) table.insert(record.rings, { ring = ring, nodes = nodes }) end,
    error = function(message) table.insert(record.errors, message) end,
  }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  local handle = open(handlers)
  assert(handles.join(handle, name or group_name()))
  dispatch_until(handle, function() return #record.configs > 0 end)
  return handle, record, handlers
end

after_each(handles.close_all)

describe("opening", function()
  it("refuses unknown fields, naming them", function()
    assert.error_matches(function() cpg.open { mesage_received = print } end, "unknown field 'mesage_received'")
    assert.error_matches(function() cpg.open { print } end, "unknown field")
  end)

  it("refuses fields of the wrong type, naming them", function()
    assert.error_matches(function() cpg.open { config_change = 1 } end, "'config_change'")
    assert.error_matches(function() cpg.open { split = "yes" } end, "'split'")
    assert.error_matches(function() cpg.open() end, "table expected")
  end)

  it("answers what to do when there is no daemon", function()
    local script = [[local _, message, code = require("corosync.cpg").open {} print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's cpg service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)

  it("gives each handle a life of its own", function()
    local one, other = open(), open()
    assert.is_true(one:close())
    assert.is_true(one:close())
    assert.is_number(other:fd())
    assert.matches("^corosync.cpg %(closed%)", tostring(one))
    assert.matches("^corosync.cpg %(open%)", tostring(other))
  end)

  it("hides its metatable", function()
    assert.equal("locked", getmetatable(open()))
  end)
end)

describe("a closed handle", function()
  it("answers \"closed\" from every method that needs the connection", function()
    local handle = open()
    handle:close()
    for _, method in ipairs { "join", "send" } do
      fails("closed", handle[method](handle, "x"))
    end
    for _, method in ipairs { "leave", "dispatch", "receive", "fetch", "wait", "fd", "address", "members", "groups",
      "max_message_size", "flow_control" } do
      fails("closed", handle[method](handle))
    end
  end)

  it("is closed by a to-be-closed variable", function()
    if _VERSION < "Lua 5.4" then
      return
    end
    local chunk = assert(load "local open = ... local handle <close> = open() return handle")
    assert.matches("closed", tostring(chunk(open)))
  end)

  it("is closed by the collector", function()
    local observer, record = member()
    local name = "spec " .. group_count
    assert.is_not_nil(observer)
    do
      local other = assert(cpg.open {})
      fails("exist", other:join(name)) -- one process is in a group once
    end
    observer:close()
    handles.made[#handles.made] = nil
    observer = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    local again = open()
    local ok, _, code = again:join(name)
    while code == "try_again" do
      again:wait(0.01)
      ok, _, code = again:join(name)
    end
    assert.is_true(ok)
    assert.equal(1, #record.configs)
  end)
end)

describe("joining", function()
  it("is told by config_change, then by ring_change", function()
    local handle, record = member()
    dispatch_until(handle, function() return #record.rings > 0 end)
    local config = record.configs[1]
    assert.equal(1, #config.members)
    assert.equal(0, #config.left)
    assert.equal(handle:address(), config.joined[1])
    assert.equal("join", config.joined[1].reason)
    assert.same({ handle:address().node }, record.rings[1].nodes)
    assert.equal(handle:address().node, record.rings[1].ring.node)
    assert.is_number(record.rings[1].ring.seq)
  end)

  it("refuses an empty name and one of 129 bytes", function()
    local handle = open()
    fails("invalid_param", handle:join(""))
    fails("name_too_long", handle:join(("x"):rep(129)))
    assert.is_true(handle:join(("x"):rep(128)))
  end)

  it("takes names with any bytes", function()
    local name = "with\0nul and \255"
    local handle = member(name)
    local found
    for each, members in assert(handle:groups()) do
      if each == name then
        found = members
      end
    end
    assert.equal(handle:address(), found[1])
    assert.equal(1, #handle:members(name))
    assert.equal(0, #handle:members("with"))
  end)

  it("is refused a second time", function()
    local handle = member()
    assert.matches("already joined", fails("exist", handle:join("another")))
  end)

  it("is refused to a second handle of the process in the same group", function()
    member("twice")
    assert.matches("^cannot join group 'twice': another handle of this Lua state is in that group: ",
      fails("exist", open():join("twice")))
  end)

  it("is refused beside a handle that has left the group and is open", function()
    local handle = member("left, not closed")
    assert.is_true(handle:leave())
    assert.matches("another handle of this Lua state has left that group, and is still open: close it first",
      fails("exist", open():join("left, not closed")), 1, true)
  end)

  it("is refused to a process of the same pid in another PID namespace, which is told so", function()
    local join = [[
      local handle = assert(require("corosync.cpg").open {})
      print((select(2, handle:join "same pid"))) ]]
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    local file = assert(io.open(path, "w"))
    assert(file:write(join, [[io.stdout:flush() if arg[1] then os.execute(arg[1]) end handle:close()]]))
    file:close()
    local interpreter = os.getenv("LUA"):match "%S+$"
    -- The first program of a PID namespace has the pid 1.
    local inner = ("unshare --pid --fork %s %s"):format(interpreter, path)
    local pipe = io.popen(("unshare --pid --fork %s %s '%s'"):format(interpreter, path, inner))
    assert.equal("nil", pipe:read "*l")
    assert.matches("a process of the same pid in another PID namespace", pipe:read "*l", 1, true)
    pipe:close()
  end)

  it("is refused after leaving, where libcpg would spin", function()
    local handle, record = member()
    assert.is_true(handle:leave())
    dispatch_until(handle, function() return #record.configs > 1 end)
    assert.equal("leave", record.configs[2].left[1].reason)
    assert.equal(handle:address(), record.configs[2].left[1])
    fails("left", handle:join("another"))
    assert.matches("the handle has left its group", fails("not_joined", handle:leave()))
  end)
end)

describe("sending", function()
  it("is refused before joining and after leaving, where libcpg would lose it", function()
    local handle = open()
    fails("not_joined", handle:send("x"))
    handle = member()
    assert(handle:leave())
    fails("not_joined", handle:send("x"))
  end)

  it("delivers strings, numbers as strings, and arrays of strings as one message", function()
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

  it("delivers from 0 bytes to the limit whole", function()
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

  it("refuses more than the limit", function()
    local handle = member()
    fails("too_big", handle:send(("x"):rep(LIMIT + 1)))
    fails("too_big", handle:send { ("x"):rep(LIMIT), "y" })
  end)

  it("lets libcpg split longer messages when asked to", function()
    local handle, record = member(nil, { split = true })
    local long = ("0123456789abcdef"):rep(10 * 1024 * 64)
    assert.is_true(handle:send(long))
    dispatch_until(handle, function() return #record.messages == 1 end)
    assert.is_true(record.messages[1][2] == long)
  end)

  it("takes 63 strings and refuses 64, at which libcpg would end the process", function()
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

  it("raises for anything but strings, naming the place", function()
    local handle = member()
    assert.error_matches(function() handle:send(nil) end, "string or an array of strings")
    assert.error_matches(function() handle:send { "a", {} } end, "message%[2%]")
    assert.error_matches(function() handle:send { text = "a" } end, "message is a table without message%[1%]")
    assert.error_matches(function() handle:send("a", "safe") end, "safe")
  end)

  it("answers \"try_again\" when Corosync can take no more, and loses nothing it took", function()
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

describe("dispatch", function()
  it("handles at most its budget, and says whether more waits", function()
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

  it("goes on after a handler that raises, and reports each error with its traceback", function()
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
    assert.matches("cpg_spec.lua:%d+: plain\nstack traceback:", record.errors[1])
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

  it("may be followed by close in a handler, which drops what waits", function()
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

  it("lets a handler collect garbage", function()
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

  it("answers an error inside a handler, as receive does, since the order must hold", function()
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

  it("keeps the order of what fetch has moved", function()
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

  it("finds what fetch has waited for", function()
    local handle = open()
    assert.is_false(handle:fetch(0.01))
    assert(handles.join(handle, group_name()))
    assert.is_true(handle:fetch(5))
    assert.error_matches(function() handle:fetch(-1) end, "seconds")
  end)

  it("ends early when a handler stops it", function()
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

describe("a handler", function()
  it("may leave, and its handle hears of it", function()
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

describe("receive", function()
  it("gives events in order, or nothing", function()
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

  it("lets handlers yield, in a coroutine", function()
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
    local deadline = os.time() + 10
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

describe("wait", function()
  it("ends when its time is over, and at once when an event is there", function()
    local handle = open()
    assert.is_false(handle:wait(0))
    assert.is_false(handle:wait(0.01))
    assert(handles.join(handle, group_name()))
    assert.is_true(handle:wait(5))
    assert.is_true(handle:wait())
    assert.error_matches(function() handle:wait(-1) end, "seconds")
  end)

  it("is not ended by signals", function()
    local now = require("corosync.core").now
    local handle = open()
    process.alarm_every(0.02)
    local from = now()
    assert.is_false(handle:wait(0.3))
    process.alarm_every(0)
    assert.is_true(now() - from >= 0.3)
  end)

  it("is ended by Ctrl-C in the lua program", function()
    -- Nobody can tell when a process has come to its wait.
    local script = [[
      local handle = assert(require("corosync.cpg").open {})
      os.execute "(sleep 0.3; kill -INT $PPID) &"
      handle:wait()
    ]]
    local pipe = io.popen(("timeout 20 %s -e '%s' 2>&1"):format(os.getenv("LUA"):match "%S+$", script))
    assert.matches("interrupted!", pipe:read "*a")
    pipe:close()
  end)
end)

describe("addresses", function()
  it("are the same table for the same member, in every handler", function()
    local seen = {}
    local handle, record = member(nil, {
      message_received = function(address) seen[#seen + 1] = address end,
    })
    assert(handle:send("1"))
    assert(handle:send("2"))
    dispatch_until(handle, function() return #seen == 2 end)
    assert.is_true(rawequal(seen[1], seen[2]))
    assert.is_true(rawequal(seen[1], handle:address()))
    assert.is_true(rawequal(seen[1], record.configs[1].members[1]))
    assert.is_true(rawequal(seen[1], handle:members()[1]))
  end)

  it("are equal across handles, ordered, and readable", function()
    local one, other = open():address(), open():address()
    assert.is_false(rawequal(one, other))
    assert.is_true(one == other)
    assert.is_false(one < other)
    assert.equal(("%d:%d"):format(one.node, one.pid), tostring(one))
  end)
end)

describe("a forked child", function()
  it("is refused every method, and its end leaves the parent's connection working", function()
    local handle, record = member()
    local status = process.fork(function()
      local codes = {}
      for _, method in ipairs { "leave", "dispatch", "receive", "fetch", "wait", "fd", "address", "members", "groups",
        "max_message_size", "flow_control", "close" } do
        codes[#codes + 1] = select(3, handle[method](handle))
      end
      codes[#codes + 1] = select(3, handle:send("x"))
      codes[#codes + 1] = select(3, handle:join("x"))
      for _, code in ipairs(codes) do
        if code ~= "wrong_process" then
          return false
        end
      end
      handle, handles.made = nil, nil
      collectgarbage()
      return #codes == 14
    end)
    assert.equal(0, status)
    assert(handle:send("still here"))
    dispatch_until(handle, function() return #record.messages == 1 end)
  end)
end)

describe("the queue", function()
  local function resident_kilobytes()
    for line in io.lines "/proc/self/status" do
      local size = line:match "^VmRSS:%s*(%d+)"
      if size then
        return tonumber(size)
      end
    end
  end

  it("gives its memory back after a burst", function()
    if os.getenv("LUA"):find "valgrind" or os.getenv("LUA"):find "libasan" then
      return pending "valgrind and AddressSanitizer keep freed memory"
    end
    local count = 0
    -- Strings that have served go at once, so that what is measured is the queue's.
    local handle = member(nil, {
      message_received = function() count = count + 1 collectgarbage() end,
      reader = { after = 3600, limit = 2 ^ 29 }, -- so that as much of its own may wait
    })
    local message, sent = ("x"):rep(1000000), 0
    collectgarbage()
    process.trim() -- the specs before have left memory that the burst would be put in
    local before = resident_kilobytes()
    while sent < 64 do
      send(handle, message)
      sent = sent + 1
    end
    local deadline = os.time() + 20
    while resident_kilobytes() - before < 50000 and os.time() < deadline do
      handle:wait(0.1)
      handle:fetch()
    end
    assert.is_true(resident_kilobytes() - before >= 50000, "the burst did not wait in the queue")
    dispatch_until(handle, function() return count == sent end)
    handle:dispatch()
    collectgarbage()
    process.trim()
    -- What the allocators of some Luas keep is far less than the queue held.
    assert.is_true(resident_kilobytes() - before < 25000)
  end)
end)

describe("flow_control", function()
  it("says what Corosync says, which is never anything else", function()
    assert.is_false(open():flow_control())
  end)
end)
