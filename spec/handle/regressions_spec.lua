-- A spec for each former bug, named after it.
local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"
local process = require "spec_process"

local open, dispatch_until = handles.open, handles.dispatch_until
local count = 0

local function member(given)
  local handle = open(given)
  count = count + 1
  assert(handles.join(handle, "regression " .. count))
  return handle
end

after_each(handles.close_all)

-- The output of a program with a limit of descriptors.
local function run_with_descriptors(limit, program)
  local lua = os.getenv("LUA"):match "%S+$"
  local pipe = assert(io.popen(("ulimit -n %d; exec %s -e '%s' 2>&1"):format(limit, lua, program)))
  local out = pipe:read "*a"
  pipe:close()
  return out
end

describe("regression: a finalizer that uses the handle during receive", function()
  local function each_message_is_seen_once(act)
    local pipe = assert(io.popen(("exec %s spec/helpers/clients/finalizing_receiver.lua %s 2>&1")
      :format(os.getenv("LUA"):match "%S+$", act)))
    local out = pipe:read "*a"
    pipe:close()
    assert.equal("each message was seen once\n", out)
  end

  for _, method in ipairs { "receive", "dispatch", "fetch" } do
    it("cannot touch the queue: no event is lost or repeated by " .. method, function()
      each_message_is_seen_once(method)
    end)
  end

  it("can raise: the next receive returns the event", function() each_message_is_seen_once "raise" end)
end)

it("regression: dispatch looped forever when the stack had no room for a handler; it raises", function()
  local seen = 0
  local handle = member { message_received = function() seen = seen + 1 end }
  assert(handle:send("x"))
  handle:wait(60)
  local deepest
  local function deeper()
    local ok, message = pcall(deeper)
    if not ok and not deepest then
      deepest = { pcall(handle.dispatch, handle) }
      return error(message, 0)
    end
  end
  pcall(deeper)
  assert.is_table(deepest)
  dispatch_until(handle, function() return seen == 1 end)
end)

it("regression: open took a table for a handle because of its metatable", function()
  local handle = open(setmetatable({}, { __index = { previous = 5, split = "no boolean" } }))
  assert.is_true(handles.join(handle, "behind a metatable"))
  assert.error_matches(function() cpg.open { previous = io.stdout } end, "previous")
end)

it("regression: a fork inside a handler delivered its parent's events", function()
  local handle, child
  local seen = {}
  handle = member {
    message_received = function(_, message)
      seen[#seen + 1] = message
      if message == "1" then
        -- The child comes back from here into the dispatch that called.
        child = process.fork_here()
      end
    end,
  }
  for i = 1, 5 do
    assert(handle:send(tostring(i)))
  end
  local deadline = os.time() + 60
  while #seen < 5 and os.time() < deadline do
    handle:wait(1)
    local handled, _, code = handle:dispatch()
    if child == 0 then
      process.become(handled == nil and code == "wrong_process" and #seen == 1)
    end
  end
  assert.equal(0, process.wait(child))
  assert.same({ "1", "2", "3", "4", "5" }, seen)
end)

it("regression: a handler that empties its member list changed the identity of members", function()
  local first, same = setmetatable({}, { __mode = "k" }), 0
  local handle = member {
    config_change = function(members)
      for i = #members, 1, -1 do
        members[i] = nil
      end
    end,
    message_received = function(address)
      if same == 0 then
        first[address] = true
      end
      same = same + (first[address] and 1 or 0)
      address = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
    end,
  }
  for _ = 1, 4 do
    assert(handle:send("x"))
  end
  dispatch_until(handle, function() return same == 4 end)
end)

it("regression: addresses outlive their handle in a later handle", function()
  local earlier = open()
  local own = earlier:address()
  earlier:close()
  assert.is_true(rawequal(own, open({ previous = earlier }):address()))
end)

it("regression: members with a bad name did not name it", function()
  local handle = member()
  local _, message, code = handle:members("")
  assert.equal("invalid_param", code)
  assert.matches("''", message, 1, true)
  _, message, code = handle:members(("n"):rep(1000))
  assert.equal("name_too_long", code)
  assert.is_true(#message < 300)
end)

it("regression: receive returned a split message in pieces", function()
  local handle = member { split = true }
  local deadline, got = os.time() + 60, nil
  handles.send(handle, ("x"):rep(5000000))
  while not got and os.time() < deadline do
    handle:wait(1)
    local kind, _, received = handle:receive()
    got = kind == "message" and #received or nil
  end
  assert.equal(5000000, got)
end)

it("regression: math.huge was rejected as a budget and a time", function()
  local handle = member()
  assert.is_true(handle:wait(math.huge))
  assert.is_number((handle:dispatch(math.huge)))
end)

it("regression: a handle that could not track was left open", function()
  local refusing = package.cpath:match "[^;]*/spec/%?%.so":gsub("%?", "spec_process")
  for name, handler in pairs { quorum = "quorum_change", votequorum = "quorum_change", cfg = "shutdown_request" } do
    local program = ([[
      collectgarbage "stop"
      io.stdout:setvbuf "no"
      os.execute "ls /proc/$PPID/fd | wc -l"
      print((select(3, require("corosync.%s").open { %s = print })))
      os.execute "ls /proc/$PPID/fd | wc -l"]]):format(name, handler)
    local pipe = assert(io.popen(("LD_PRELOAD=$LD_PRELOAD:%s %s -e '%s'"):format(refusing,
      os.getenv("LUA"):match "%S+$", program)))
    local before, code, after = pipe:read "*a":match "^(%d+)\n(.*)\n(%d+)\n$"
    assert.equal("try_again", code)
    assert.equal(before, after, name)
    pipe:close()
  end
end)

it("regression: waiting for several descriptors never ended when the time was nan", function()
  local several = require("corosync.core").pollset(member():fd())
  assert.has_error(function() several:wait(0 / 0) end)
  several:close()
end)

-- In a program of its own: the collector is in haste, and here it would have much to go through each time.
describe("regression: a finalizer that changes the table while open reads it", function()
  local PROGRAM = [[
    local finalized = require "spec.helpers.finalized"
    local cpg = require "corosync.cpg"
    local given, left
    local function litter()
      finalized(function()
        if left > 0 then
          left = left - 1
          %s
          litter()
        end
      end)
    end
    local earlier = assert(cpg.open {})
    collectgarbage("setpause", 0)
    collectgarbage("setstepmul", 1000)
    for i = 1, 100 do
      for _ = 1, i %% 7 do local _ = { tostring(i) } end -- the collector is elsewhere each time
      given = { previous = earlier, window = 5, daemon_user = 0, reader = { full = "stop", limit = 1000 } }
      left = 20
      litter()
      local ok, handle = pcall(cpg.open, given)
      left = 0
      if ok then assert(handle):close() else assert(handle:find("field .%s. is a"), handle) end
    end
    print "fine"]]

  for name, change in pairs { previous = "given.previous = {}", window = "given.window = 1e300",
    daemon_user = "given.daemon_user = -1", full = "given.reader.full = {}", limit = "given.reader.limit = {}" } do
    it("takes effect or comes too late: " .. name, function()
      assert.equal("fine\n", run_with_descriptors(1000, PROGRAM:format(change, name)))
    end)
  end
end)

it("regression: open hid the cause when descriptors ran out", function()
  local out = run_with_descriptors(40, [[
    local cpg = require "corosync.cpg"
    local files, file = {}, io.open "/dev/null"
    while file do files[#files + 1], file = file, io.open "/dev/null" end
    print(cpg.open {})]])
  assert.matches("^nil%s+cannot reach Corosync's cpg service: this process has reached its limit of open files: .*"
    .. "%s+no_resources\n$", out)
end)

it("regression: a hook that forked within fetch took the parent's events", function()
  local handle, events = member(), {}
  repeat events[handles.receive(handle)] = true until events.config and events.ring
  local pid, calls = nil, 0
  local function fork_in_fetch()
    calls = calls + 1
    if calls == 2 then -- the first is that of fetch itself
      debug.sethook()
      pid = process.fork_here()
      if pid ~= 0 then
        assert(handle:send "for the parent")
        handle:wait(60)
      end
    end
  end
  process.alarm_every(0.05)
  debug.sethook(fork_in_fetch, "c")
  local fetched, _, code = handle:fetch(60)
  debug.sethook()
  process.alarm_every(0)
  if pid == 0 then
    process.become(fetched == nil and code == "wrong_process")
  end
  assert.equal(0, process.wait(pid))
  assert.is_true(fetched)
  assert.equal("for the parent", (select(3, handle:receive())))
end)

-- Its epoll stayed open until the collector came, while descriptors were missing.
it("a pollset for which a descriptor is missing keeps none", function()
  local out = run_with_descriptors(40, [[
    local core, process = require "corosync.core", require "spec_process"
    collectgarbage "stop"
    local before, taken = process.descriptors(), {}
    local file = io.open "/dev/null"
    while file do
      taken[#taken + 1] = file
      file = io.open "/dev/null"
    end
    taken[#taken]:close()
    print(core.pollset() == nil)
    for i = 1, #taken - 1 do taken[i]:close() end
    print(process.descriptors() - before)]])
  assert.equal("true\n0\n", out)
end)

-- Its eventfd stayed open until it was collected. Without address space no thread can start.
it("a watchdog that cannot start its thread keeps no descriptor", function()
  local out = run_with_descriptors(40, [[
    local core, process = require "corosync.core", require "spec_process"
    collectgarbage "stop"
    local before = process.descriptors()
    os.execute "prlimit --as=1: --pid $PPID"
    print(select(3, core.watchdog(1)))
    print(process.descriptors() - before)]])
  assert.equal("no_resources\n0\n", out)
end)
