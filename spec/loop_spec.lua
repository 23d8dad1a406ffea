-- The loop, with the real daemon of this node; where faults are needed, with a lab of its own.

local corosync = require "corosync"
local groups = require "spec.support.groups"
local handles = require "spec.support.handles"
local lab = require "corosync.lab"
local machine = require "corosync.lab.machine"
local uv = require "luv"

local loop = corosync.loop
local new, state = groups.new, groups.state

local DEADLINE = 10000 -- milliseconds

-- Runs the loop, with a time limit.
-- In a callback of luv's, which says of an error that is no string, as busted's are, only "(null)".
local function must(holds, message)
  if not holds then
    error(tostring(message), 0)
  end
end

local function run()
  local late = false
  local timer = uv.new_timer()
  timer:start(DEADLINE, 0, function()
    late = true
    loop.stop()
  end)
  timer:unref()
  local answer = loop.run()
  timer:close()
  assert.is_false(late, "the loop did not end in time")
  return answer
end

local function after(milliseconds, action)
  local timer = uv.new_timer()
  timer:start(milliseconds, 0, function()
    timer:close()
    action()
  end)
end

local function numbers(first, last)
  local list = {}
  for i = first, last do
    list[#list + 1] = tostring(i)
  end
  return list
end

local function send_numbers(group, last)
  for i = 1, last do
    assert(group:send_message(tostring(i)))
  end
end

-- A group that collects messages and calls `at[message]()` after one.
local function collector(at)
  local seen, group = {}, nil
  group = new {
    message_received = function(_, message)
      seen[#seen + 1] = message
      if at[message] then at[message](group) end
    end,
  }
  return group, seen
end

local function leave(group)
  assert(group:deactivate())
end

describe("the loop", function()
  after_each(groups.clean)

  it("ends when there is nothing to wait for", function()
    assert.is_true(run())
    assert.is_true(run())
  end)

  it("runs a group added before, until it has left", function()
    local group, seen = collector { ["3"] = leave }
    assert.is_true(loop.add(group))
    send_numbers(group, 3)
    assert.is_true(run())
    assert.same(numbers(1, 3), seen)
    assert.equal("idle", state(group))
  end)

  it("runs a group added while it runs", function()
    local group, seen = collector { ["1"] = leave }
    after(1, function()
      assert(loop.add(group))
      send_numbers(group, 1)
    end)
    run()
    assert.same({ "1" }, seen)
  end)

  it("runs a group that was active already", function()
    local group, seen = collector { ["2"] = leave }
    assert(group:activate())
    send_numbers(group, 2)
    assert.is_true(loop.add(group))
    assert.is_true(loop.add(group))
    run()
    assert.same(numbers(1, 2), seen)
  end)

  it("runs a group added inside another's handler", function()
    local second, seen = collector { ["1"] = leave }
    local first = collector {
      ["1"] = function(group)
        assert(loop.add(second))
        send_numbers(second, 1)
        leave(group)
      end,
    }
    assert(loop.add(first))
    send_numbers(first, 1)
    run()
    assert.same({ "1" }, seen)
  end)

  it("runs a group again that joins again", function()
    local group, seen, joins = nil, {}, 0
    group = new {
      config_change = function(_, left, joined)
        joins = joins + #joined
        if #left > 0 and joins == 1 then assert(group:activate()) end
        if #joined > 0 and joins == 2 then
          after(1, function() must(group:send_message "2") end)
        end
      end,
      message_received = function(_, message)
        seen[#seen + 1] = message
        leave(group)
      end,
    }
    assert(loop.add(group))
    send_numbers(group, 1)
    run()
    assert.same(numbers(1, 2), seen)
    assert.equal(2, joins)
  end)

  it("takes a group back in a later run", function()
    local group, seen = collector { ["1"] = leave }
    for _ = 1, 3 do
      assert(loop.add(group))
      send_numbers(group, 1)
      run()
    end
    assert.same({ "1", "1", "1" }, seen)
  end)

  it("answers why a group cannot be added", function()
    local first = groups.joined()
    local second = new({}, first.name)
    local ok, message, code = loop.add(second)
    assert.is_nil(ok)
    assert.matches("cannot join group", message)
    assert.equal("exist", code)
    run()
  end)

  it("stops after the handler that says so; the rest comes in the next run", function()
    local group, seen = collector { ["3"] = loop.stop, ["10"] = leave }
    assert(loop.add(group))
    send_numbers(group, 10)
    assert.is_true(run())
    assert.same(numbers(1, 3), seen)
    assert.is_true(group:is_active())
    run()
    assert.same(numbers(1, 10), seen)
  end)

  it("stops before the handlers of another, although their events wait as well", function()
    local count, all = 0, {}
    finally(function()
      for _, handle in ipairs(all) do
        loop.remove(handle)
      end
      handles.close_all()
    end)
    for i = 1, 2 do
      all[i] = handles.open { message_received = function()
        count = count + 1
        loop.stop()
      end }
      assert(handles.join(all[i], groups.name()))
      assert(all[i]:send "stop")
    end
    -- What it has been told, the others have been told before.
    local last = handles.open()
    assert(handles.join(last, groups.name()))
    assert(last:send "sent last")
    repeat local kind = handles.receive(last) until kind == "message"
    for _, handle in ipairs(all) do
      assert(loop.add(handle))
    end
    run()
    assert.equal(1, count)
    run()
    assert.equal(2, count)
  end)

  it("stops in a timer", function()
    local group = new()
    assert(loop.add(group))
    local fired = 0
    for _ = 1, 2 do
      after(5, function()
        fired = fired + 1
        loop.stop()
      end)
      run()
    end
    assert.equal(2, fired)
    assert.is_true(group:is_active())
  end)

  it("does not run inside itself", function()
    local outcomes = {}
    local function try()
      outcomes[#outcomes + 1] = { pcall(loop.run) }
    end
    local group = collector { ["1"] = try, ["2"] = leave }
    assert(loop.add(group))
    after(0, try)
    send_numbers(group, 2)
    run()
    assert.equal(2, #outcomes)
    for _, outcome in ipairs(outcomes) do
      assert.is_false(outcome[1])
      assert.matches("the loop is running already", outcome[2])
    end
  end)

  it("goes on after a handler that raises", function()
    local problems, group = {}, nil
    group = new {
      message_received = function(_, message)
        if message == "2" then leave(group) end
        error("at " .. message)
      end,
      error = function(problem) problems[#problems + 1] = problem:match "at %d" end,
    }
    assert(loop.add(group))
    send_numbers(group, 2)
    run()
    assert.same({ "at 1", "at 2" }, problems)
  end)

  it("ends when the last of several groups has left", function()
    local order, list, follower = {}, {}, { [2] = 3, [3] = 1 }
    for i = 1, 3 do
      list[i] = new {
        config_change = function(_, left)
          if #left > 0 then
            order[#order + 1] = i
            assert(not follower[i] or list[follower[i]]:send_message "")
          end
        end,
        message_received = function() leave(list[i]) end,
      }
      assert(loop.add(list[i]))
    end
    assert(list[2]:send_message "")
    run()
    assert.same({ 2, 3, 1 }, order)
  end)

  it("lets a handler of one group deactivate another", function()
    local left, other = 0
    other = new {
      config_change = function(_, gone) left = left + #gone end,
      message_received = function() end,
    }
    local group, seen = collector {
      ["2"] = function() leave(other) end,
      ["4"] = leave,
    }
    assert(loop.add(group))
    assert(loop.add(other))
    send_numbers(other, 200)
    send_numbers(group, 4)
    run()
    assert.equal(1, left)
    assert.equal("idle", state(other))
    assert.same(numbers(1, 4), seen)
  end)

  it("lets a handler of one group see another's leaving through", function()
    local other = new()
    local outcome
    local group = collector {
      ["1"] = function(self)
        leave(other)
        outcome = other:wait_for(function() return state(other) == "idle" end, 5)
        leave(self)
      end,
    }
    assert(loop.add(group))
    assert(loop.add(other))
    send_numbers(group, 1)
    run()
    assert.is_true(outcome)
  end)

  it("keeps the order of many messages, and timers going meanwhile", function()
    local MANY = 5000
    local seen_at, group, seen
    group, seen = collector {
      ["1"] = function()
        after(0, function() seen_at = #seen end)
      end,
      [tostring(MANY)] = leave,
    }
    assert(loop.add(group))
    send_numbers(group, MANY)
    run()
    assert.same(numbers(1, MANY), seen)
    assert.is_true(seen_at < MANY / 10, "the timer waited for " .. tostring(seen_at))
  end)

  it("delivers what arrived while a handler sent", function()
    local MANY = 3000
    local group, seen = collector {
      go = function(self) send_numbers(self, MANY) end,
      [tostring(MANY)] = leave,
    }
    assert(loop.add(group))
    assert(group:send_message "go")
    run()
    table.remove(seen, 1)
    assert.same(numbers(1, MANY), seen)
  end)

  it("delivers what its reader had taken when a wait in a callback is over", function()
    local seen, left = 0, nil
    local group = new { reader = true, message_received = function()
      seen = seen + 1
      if seen == 20 then loop.stop() end
    end }
    assert(loop.add(group))
    -- Not in the first round, which looks at the group anyway.
    after(50, function()
      send_numbers(group, 20)
      uv.sleep(200) -- long enough for the reader
      must(group:wait_for(function() return seen >= 3 end))
      left = 20 - seen
    end)
    run()
    assert.equal(17, left)
    assert.equal(20, seen)
  end)

  it("does not use the processor while it waits", function()
    local group = new()
    assert(loop.add(group))
    send_numbers(group, 1000)
    after(300, function() leave(group) end)
    local before
    after(100, function() before = os.clock() end)
    run()
    assert.is_true(os.clock() - before < 0.1)
  end)

  it("serves any loop of luv's", function()
    local group, seen = collector { ["2"] = leave }
    assert(loop.add(group))
    send_numbers(group, 2)
    uv.run()
    assert.same(numbers(1, 2), seen)
    run()
  end)

  it("hears of a group that has taken the descriptor of one that left outside it", function()
    local heard, group
    group = new { message_received = function(_, message)
      heard = message
      group:deactivate()
    end }
    assert(loop.add(group))
    local function reach(wanted)
      local timer = uv.new_timer()
      timer:start(10, 10, function() end)
      while state(group) ~= wanted do uv.run "once" end
      timer:close()
    end
    reach "joined"
    local descriptor = group:fd()
    assert(group:deactivate())
    reach "idle"
    assert(group:activate())
    assert.equal(descriptor, group:fd())
    reach "joined"
    after(10, function() must(group:send_message "heard") end)
    run()
    assert.equal("heard", heard)
  end)

  it("takes out a handle that was closed between two runs, beside one that was removed", function()
    local cpg = require "corosync.cpg"
    local closed, removed = assert(cpg.open {}), assert(cpg.open {})
    local reason
    assert(loop.add(closed, function(message) reason = message end))
    assert(loop.add(removed))
    after(10, loop.stop)
    run()
    loop.remove(removed)
    closed:close()
    removed:close()
    run()
    assert.matches("the handle is closed", reason)
  end)

  it("leaves nothing behind that a program's end could trip over", function()
    local program = groups.spawn { groups.interpreter, "-e", [[
      local corosync = require "corosync"
      local group = corosync.group("spec-end", { message_received = function() corosync.loop.stop() end })
      assert(corosync.loop.add(group) and group:send_message "x")
      corosync.loop.run()
      assert(group:deactivate())
      assert(group:wait_for(function() return not group:is_active() end))
      assert(corosync.loop.add(group) and group:send_message "x")
      corosync.loop.run()
      print "end" ]] }
    assert.same({ 0, 0 }, { program:wait(10) })
    assert.same({ "end" }, program.lines)
    assert.same({}, program.errors)
  end)

  it("alone needs luv", function()
    local program = groups.spawn { groups.interpreter, "-e", [[
      for _, name in ipairs { "corosync.cpg", "corosync.cmap", "corosync.quorum", "corosync.group", "corosync" } do
        require(name)
        print(name, package.loaded.luv)
      end
      assert(require("corosync").loop.run())
      print(type(package.loaded.luv)) ]] }
    assert.equal(0, program:wait(10), table.concat(program.errors, "\n"))
    assert.same({ "corosync.cpg\tnil", "corosync.cmap\tnil", "corosync.quorum\tnil", "corosync.group\tnil",
      "corosync\tnil", "table" }, program.lines)
  end)
end)

describe("handles in the loop", function()
  local KEY = "spec.loop.key"

  -- What was in the loop is taken out before it is closed.
  after_each(function()
    for _, handle in ipairs(handles.made) do loop.remove(handle) end
    handles.close_all()
    groups.clean()
  end)

  local function keep(handle)
    table.insert(handles.made, handle)
    return handle
  end

  local function open_map()
    return keep(assert(corosync.cmap.open()))
  end

  local function open_quorum(quorum_change)
    return keep(assert(corosync.quorum.open { quorum_change = quorum_change }))
  end

  -- A raw handle that has joined, and as many messages of its own to come.
  local function open_cpg(name, count, given)
    local handle = handles.open(given)
    assert(handles.join(handle, name))
    handles.dispatch_until(handle, function() return #handle:members() == 1 end)
    for i = 1, count do assert(handle:send(tostring(i))) end
    return handle
  end

  local function cmapctl(...)
    local program = groups.spawn { machine.find "corosync-cmapctl", ... }
    assert.equal(0, program:wait(10), table.concat(program.errors, "\n"))
  end

  it("tell a map's changes, made by another program", function()
    local map, seen = open_map(), {}
    assert(map:track(KEY, function(kind, key, new_value, old_value)
      seen[#seen + 1] = { kind, key, new_value, old_value }
      if kind == "delete" then loop.remove(map) end
    end))
    assert.is_true(loop.add(map))
    local program = groups.spawn { "sh", "-c", 'for value in 1 2; do "$0" -s "$1" u32 $value; done; "$0" -d "$1"',
      machine.find "corosync-cmapctl", KEY }
    assert.is_true(run())
    assert.same({ { "add", KEY, 1 }, { "modify", KEY, 2, 1 }, { "delete", KEY, nil, 2 } }, seen)
    assert.equal(0, program:wait(10))
  end)

  it("tell quorum", function()
    local handle, seen
    handle = open_quorum(function(quorate, members)
      seen = { quorate, members }
      loop.stop()
    end)
    assert.is_true(loop.add(handle))
    run()
    assert.same({ true, { 1 } }, seen)
  end)

  it("tell a raw handle's messages", function()
    local handle, seen = nil, {}
    handle = open_cpg("spec-loop", 5, {
      message_received = function(_, message)
        seen[#seen + 1] = message
        if message == "5" then loop.remove(handle) end
      end,
    })
    assert.is_true(loop.add(handle))
    run()
    assert.same(numbers(1, 5), seen)
  end)

  it("may be added twice, and be there beside groups", function()
    local count, handle = 0, nil
    handle = open_quorum(function()
      count = count + 1
      loop.remove(handle)
    end)
    assert.is_true(loop.add(handle))
    assert.is_true(loop.add(handle))
    local group, seen = collector { ["1"] = leave }
    assert(loop.add(group))
    send_numbers(group, 1)
    run()
    assert.same({ { "1" }, 1 }, { seen, count })
  end)

  it("are the only things beside groups that it takes", function()
    for _, wrong in ipairs { 1, "text", true, {}, print, io.stdout } do
      local ok, message = pcall(loop.add, wrong)
      assert.is_false(ok)
      assert.matches("bad argument #1 'object' to 'add' %(group or handle expected, got " .. type(wrong), message)
    end
    local ok, message = pcall(function() loop.add() end)
    assert.is_false(ok)
    assert.matches("loop_spec.lua:%d+: bad argument", message)
  end)

  it("are refused once they are closed", function()
    local map = open_map()
    map:close()
    local ok, message, code = loop.add(map)
    assert.is_nil(ok)
    assert.equal("string", type(message))
    assert.equal("closed", code)
    run()
  end)

  it("are removed before they are closed", function()
    local map = open_map()
    assert(loop.add(map))
    loop.remove(map)
    map:close()
    loop.remove(map)
    run()
  end)

  it("wait while they are removed", function()
    local map, seen = open_map(), 0
    assert(map:track(KEY, function()
      seen = seen + 1
      loop.remove(map)
    end))
    assert(loop.add(map))
    loop.remove(map)
    cmapctl("-s", KEY, "u32", "7")
    run()
    assert.equal(0, seen)
    assert(loop.add(map))
    run()
    assert.equal(1, seen)
    assert(map:delete(KEY))
  end)

  it("tell what had been fetched before they were added", function()
    local handle, seen = nil, {}
    handle = open_cpg("spec-loop", 50, {
      message_received = function(_, message)
        seen[#seen + 1] = message
        if message == "50" then loop.remove(handle) end
      end,
    })
    local hidden = uv.new_poll(handle:fd())
    hidden:start("r", function() must(handle:fetch() ~= nil, "fetch failed") end)
    after(50, function() hidden:close() end)
    run()
    assert.same({}, seen)
    assert(loop.add(handle))
    run()
    assert.same(numbers(1, 50), seen)
  end)

  it("go on when a handler of their own takes them out and puts them back", function()
    local handle, seen = nil, {}
    handle = open_cpg("spec-loop", 200, {
      message_received = function(_, message)
        seen[#seen + 1] = message
        loop.remove(handle)
        if message ~= "200" then assert(loop.add(handle)) end
      end,
    })
    assert(loop.add(handle))
    run()
    assert.same(numbers(1, 200), seen)
  end)

  it("may be closed inside their own handlers", function()
    local map = open_map()
    assert(map:track(KEY, function() map:close() end))
    assert(loop.add(map))
    local quorum
    quorum = open_quorum(function() quorum:close() end)
    assert(loop.add(quorum))
    cmapctl("-s", KEY, "u32", "7")
    run()
    assert.equal("closed", select(3, map:get(KEY)))
    assert.equal("closed", select(3, quorum:quorate()))
    assert(open_map():delete(KEY))
  end)

  it("may be replaced inside their own handlers", function()
    local count, first, second = 0, nil, nil
    first = open_quorum(function()
      loop.remove(first)
      first:close()
      second = open_quorum(function()
        count = count + 1
        loop.remove(second)
      end)
      assert(loop.add(second))
    end)
    assert(loop.add(first))
    run()
    assert.equal(1, count)
  end)

  it("are refused while a closed one that was not removed is in their place", function()
    local first, answer = nil, nil
    first = open_quorum(function()
      local fd = first:fd()
      first:close()
      local second = open_map()
      answer = second:fd() == fd and { loop.add(second) } or "the descriptor is another"
    end)
    assert(loop.add(first))
    run()
    assert.same({ nil, "exist" }, { answer[1], answer[3] })
    assert.equal("string", type(answer[2]))
  end)

  it("do not keep it from ending after unref", function()
    local map, seen = open_map(), 0
    assert(map:track(KEY, function() seen = seen + 1 end))
    assert(loop.add(map))
    loop.unref(map)
    run()
    assert.equal(0, seen)
    -- Until it is added anew.
    loop.remove(map)
    assert(loop.add(map))
    after(50, function() loop.remove(map) end)
    local began = uv.now()
    run()
    assert.is_true(uv.now() - began >= 50)
    assert(loop.add(map))
    loop.unref(map)
    -- They are served for as long as something else keeps it running.
    local group = new()
    assert(loop.add(group))
    assert(map:set(KEY, "text", "string"))
    assert(map:delete(KEY))
    local watch = uv.new_prepare()
    watch:start(function()
      if seen == 2 then
        watch:close()
        leave(group)
      end
    end)
    run()
    assert.equal(2, seen)
  end)

  it("stop it in a tracker's handler; the other changes come in the next run", function()
    local map, seen = open_map(), {}
    assert(map:track(KEY, function(kind)
      seen[#seen + 1] = kind
      loop.stop()
    end))
    assert(loop.add(map))
    assert(map:set(KEY, 1, "u8"))
    assert(map:set(KEY, 2, "u8"))
    assert(map:delete(KEY))
    for count = 1, 3 do
      run()
      assert.equal(count, #seen)
    end
    assert.same({ "add", "modify", "delete" }, seen)
  end)

  it("do not use the processor while they wait", function()
    assert(loop.add(open_map()))
    assert(loop.add(open_quorum(function() end)))
    assert(loop.add(open_cpg("spec-loop", 0)))
    local before
    after(50, function() before = os.clock() end)
    after(250, loop.stop)
    run()
    assert.is_true(os.clock() - before < 0.1)
  end)
end)

describe("handles in the loop that lose their daemon", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)
  before_each(function()
    if not cluster:members(1) then assert(cluster:restart(1)) end
  end)

  -- A program in the node with three handles, which tells what its loop does.
  local function start(third)
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync"
      local uv = require "luv"
      local function lost(name) return function(reason) print(name, type(reason)) end end
      local map = assert(corosync.cmap.open())
      assert(map:track("spec.", print))
      local quorum = assert(corosync.quorum.open { quorum_change = function() print "ready" end })
      local cpg = assert(corosync.cpg.open {})
      assert(corosync.loop.add(map, lost "map"))
      assert(corosync.loop.add(quorum, lost "quorum"))
      assert(corosync.loop.add(cpg, ]] .. third .. [[))
      corosync.loop.run()
      print "end" ]] }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 10))
    assert.equal("ready", program.lines[1], table.concat(program.errors, "\n"))
    return program
  end

  local function finish(program)
    assert.equal(0, assert(program:wait(10)), table.concat(program.errors, "\n"))
    local lines = { (table.unpack or unpack)(program.lines, 2, #program.lines - 1) } -- luacheck: globals unpack
    table.sort(lines)
    assert.equal("end", program.lines[#program.lines])
    return lines
  end

  -- luv writes a line when a socket ends with something unread, and AddressSanitizer where it has no /proc of its own.
  local function complaints(program)
    local list = {}
    for _, text in ipairs(program.errors) do
      if not text:match "^EBADF: " and not text:match "^==%d+==WARNING: reading executable name" then
        list[#list + 1] = text
      end
    end
    return list
  end

  for what, method in pairs { killed = "kill", ["ended in an orderly way"] = "stop_daemon" } do
    it("tell the functions given for it, and end it: " .. what, function()
      local program = start [[lost "cpg"]]
      assert(cluster[method](cluster, 1))
      assert.same({ "cpg\tstring", "map\tstring", "quorum\tstring" }, finish(program))
      assert.same({}, complaints(program))
    end)
  end

  it("say it on standard error when nobody is told", function()
    local program = start "nil"
    assert(cluster:kill(1))
    assert.same({ "map\tstring", "quorum\tstring" }, finish(program))
    local said = complaints(program)
    assert.equal(1, #said)
    assert.matches("^corosync: cannot dispatch cpg: .*gone", said[1])
  end)
end)

describe("three nodes", function()
  local NAME = "spec"
  local cluster, members, addresses

  -- What a member has written since the last `forget`.
  local function saw(node, text)
    local lines = members[node].lines
    for i = members[node].forgotten + 1, #lines do
      if lines[i] == text then return true end
    end
    return false
  end

  local function forget()
    for _, member in pairs(members) do member.forgotten = #member.lines end
  end

  local function all_see(nodes, text, seconds)
    for _, node in ipairs(nodes) do
      assert(cluster:wait_for(function() return saw(node, text) end, seconds or 10,
        ("'%s' on node %d, which has written:\n%s"):format(text, node, table.concat(members[node].lines, "\n"))))
    end
  end

  local function list(...)
    local texts = {}
    for i, node in ipairs { ... } do texts[i] = addresses[node] end
    table.sort(texts)
    return table.concat(texts, ",")
  end

  local function start(node)
    members[node] = assert(cluster:run(node, groups.member_argv(NAME), { host = true }))
    members[node].forgotten = 0
    addresses[node] = groups.address_of(members[node])
  end

  setup(function()
    cluster = assert(lab.start { nodes = 3, token = 500 })
    members, addresses = {}, {}
    for node = 1, 3 do start(node) end
    all_see({ 1, 2, 3 }, "members " .. list(1, 2, 3))
  end)

  teardown(function() assert(cluster:stop()) end)

  before_each(function()
    for node = 1, 3 do
      if not cluster:members(node) then assert(cluster:restart(node)) end
      if members[node].exited then start(node) end
    end
    assert(cluster:wait_members({ 1, 2, 3 }, 10))
    assert(cluster:wait_for(function()
      for node = 1, 3 do
        local last
        for _, line in ipairs(members[node].lines) do last = line:match "^members .*" or last end
        if last ~= "members " .. list(1, 2, 3) then return false end
      end
      return true
    end, 10, "three members"))
    forget()
  end)

  it("see one order", function()
    local COUNT = 300
    for node = 1, 3 do assert(members[node]:write(("send %d n%d-\n"):format(COUNT, node))) end
    local function messages(node)
      local seen = {}
      for i = members[node].forgotten + 1, #members[node].lines do
        seen[#seen + 1] = members[node].lines[i]:match "^message .*"
      end
      return seen
    end
    assert(cluster:wait_for(function()
      return #messages(1) == 3 * COUNT and #messages(2) == 3 * COUNT and #messages(3) == 3 * COUNT
    end, 10, "all messages"))
    assert.same(messages(1), messages(2))
    assert.same(messages(1), messages(3))
    local next_of = { 1, 1, 1 }
    for _, line in ipairs(messages(1)) do
      local from, node, number = line:match "^message (%S+) n(%d)%-(%d+)$"
      node, number = tonumber(node), tonumber(number)
      assert.equal(addresses[node], from)
      assert.equal(next_of[node], number)
      next_of[node] = number + 1
    end
  end)

  it("see a member leave", function()
    assert(members[3]:write "leave\n")
    all_see({ 1, 2, 3 }, "left " .. addresses[3] .. "=leave")
    all_see({ 1, 2 }, "members " .. list(1, 2))
    assert.equal(0, members[3]:wait(5))
    all_see({ 3 }, "end")
  end)

  it("see a process die", function()
    assert(cluster:kill_host(3))
    all_see({ 1, 2 }, "left " .. addresses[3] .. "=procdown")
    all_see({ 1, 2 }, "members " .. list(1, 2))
  end)

  it("see a partition and its end", function()
    assert(members[1]:write "ask\n")
    all_see({ 1 }, "quorate true nil")
    all_see({ 1 }, "version 2 u32")
    assert(cluster:partition({ 1, 2 }, { 3 }))
    all_see({ 1, 2 }, "left " .. addresses[3] .. "=nodedown")
    all_see({ 1, 2 }, "members " .. list(1, 2))
    all_see({ 3 }, "left " .. addresses[1] .. "=nodedown," .. addresses[2] .. "=nodedown")
    all_see({ 3 }, "members " .. addresses[3])
    -- Quorum is another connection and may come after.
    assert(cluster:wait_for(function()
      assert(members[3]:write "ask\n")
      return saw(3, "quorate false nil")
    end, 10, "no quorum"))
    forget()
    assert(cluster:heal())
    all_see({ 1, 2 }, "came " .. addresses[3] .. "=nodeup")
    all_see({ 1, 2, 3 }, "members " .. list(1, 2, 3))
  end)

  it("see a daemon die, and its member come back with it", function()
    assert(cluster:kill(3))
    assert(cluster:wait_for(function()
      return (members[3].lines[#members[3].lines] or ""):match "^disconnected .*Corosync on this node has gone"
    end, 5, "its being told"))
    assert(members[3]:write "try\n")
    all_see({ 3 }, "try nil not_connected")
    all_see({ 1, 2 }, "left " .. addresses[3] .. "=nodedown")
    all_see({ 1, 2 }, "members " .. list(1, 2))
    forget()
    assert(cluster:restart(3))
    all_see({ 1, 2, 3 }, "came " .. addresses[3] .. "=join")
    all_see({ 1, 2, 3 }, "members " .. list(1, 2, 3))
    assert(members[3]:write "send 1 back\n")
    all_see({ 1, 2, 3 }, "message " .. addresses[3] .. " back1")
    assert(members[3]:write "leave\n")
    all_see({ 3 }, "end")
  end)
end)
