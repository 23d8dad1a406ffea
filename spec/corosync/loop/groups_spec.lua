local KEY = require "corosync.private"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local loops = require "spec.helpers.loops"
local uv = require "luv"

local must, run, after, numbers = loops.must, loops.run, loops.after, loops.numbers
local send_numbers, collector, leave = loops.send_numbers, loops.collector, loops.leave

local loop = corosync.loop
local new, state = groups.new, groups.state

describe("loop.run with groups", function()
  after_each(groups.clean)

  it("returns when there is nothing to wait for", function()
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

  it("runs a group that was already active", function()
    local group, seen = collector { ["2"] = leave }
    assert(group:activate())
    send_numbers(group, 2)
    assert.is_true(loop.add(group))
    assert.is_true(loop.add(group))
    run()
    assert.same(numbers(1, 2), seen)
  end)

  it("runs a group added inside another group's handler", function()
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

  it("runs a group again after a rejoin", function()
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

  it("runs a group again in a later run", function()
    local group, seen = collector { ["1"] = leave }
    for _ = 1, 3 do
      assert(loop.add(group))
      send_numbers(group, 1)
      run()
    end
    assert.same({ "1", "1", "1" }, seen)
  end)

  it("fails with a reason when a group cannot be added", function()
    local first = groups.joined()
    local second = new({}, first.name)
    local ok, message, code = loop.add(second)
    assert.is_nil(ok)
    assert.matches("cannot join group", message)
    assert.equal("exist", code)
    run()
  end)

  it("returns after the handler that calls loop.stop; the next run delivers the rest", function()
    local group, seen = collector { ["3"] = loop.stop, ["10"] = leave }
    assert(loop.add(group))
    send_numbers(group, 10)
    assert.is_true(run())
    assert.same(numbers(1, 3), seen)
    assert.is_true(group:is_active())
    run()
    assert.same(numbers(1, 10), seen)
  end)

  it("returns before other groups' handlers although their events are queued", function()
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
    -- The other groups have been notified of everything before this one.
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

  it("can be stopped in a timer", function()
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

  it("fails inside itself", function()
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

  it("continues after a handler that raises", function()
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

  it("returns when the last of several groups has left", function()
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

  it("allows a handler to deactivate another group", function()
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

  it("allows a handler to dispatch another group's leave", function()
    local other = new()
    local outcome
    local group = collector {
      ["1"] = function(self)
        leave(other)
        outcome = other:wait_for(function() return state(other) == "idle" end, 60)
        leave(self)
      end,
    }
    assert(loop.add(group))
    assert(loop.add(other))
    send_numbers(group, 1)
    run()
    assert.is_true(outcome)
  end)

  it("keeps the order of many messages while timers run", function()
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

  it("delivers messages that arrived while a handler was sending", function()
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

  it("delivers what the reader took during a wait in a callback", function()
    local seen, left = 0, nil
    local group = new { reader = true, message_received = function()
      seen = seen + 1
      if seen == 20 then loop.stop() end
    end }
    assert(loop.add(group))
    -- Not in the first round, which looks at the group anyway.
    after(50, function()
      send_numbers(group, 20)
      repeat uv.sleep(1) until group[KEY].handle:counters().waiting >= 20 -- the reader has taken them
      must(group:wait_for(function() return seen >= 3 end))
      left = 20 - seen
    end)
    run()
    assert.equal(17, left)
    assert.equal(20, seen)
  end)

  it("uses no CPU while idle", function()
    local group = new()
    assert(loop.add(group))
    send_numbers(group, 1000)
    after(300, function() leave(group) end)
    local before
    after(100, function() before = os.clock() end)
    run()
    assert.is_true(os.clock() - before < 0.1)
  end)

  it("works with any loop of luv", function()
    local group, seen = collector { ["2"] = leave }
    assert(loop.add(group))
    send_numbers(group, 2)
    uv.run()
    assert.same(numbers(1, 2), seen)
    run()
  end)

  it("notices a group that reuses the descriptor of one that left outside the loop", function()
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

  it("drops a handle closed between two runs, beside a removed one", function()
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

  it("leaves nothing that could crash the program's end", function()
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
    assert.same({ 0, 0 }, { program:wait(60) })
    assert.same({ "end" }, program.lines)
    assert.same({}, program.errors)
  end)

  it("is the only module that needs luv", function()
    local program = groups.spawn { groups.interpreter, "-e", [[
      for _, name in ipairs { "corosync.cpg", "corosync.cmap", "corosync.quorum", "corosync.group", "corosync" } do
        require(name)
        print(name, package.loaded.luv)
      end
      assert(require("corosync").loop.run())
      print(type(package.loaded.luv)) ]] }
    assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
    assert.same({ "corosync.cpg\tnil", "corosync.cmap\tnil", "corosync.quorum\tnil", "corosync.group\tnil",
      "corosync\tnil", "table" }, program.lines)
  end)
end)
