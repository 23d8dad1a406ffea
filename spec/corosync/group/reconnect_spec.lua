local KEY = require "corosync.private"
local core = require "corosync.core"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local guards = require "corosync.group.handlers"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local CYCLES = tonumber(os.getenv "CYCLES") or 15

local function lines_of(command)
  local pipe = io.popen(command)
  local count = 0
  for _ in pipe:lines() do count = count + 1 end
  pipe:close()
  return count
end

-- Descriptors, threads and files in /dev/shm. The pid as /proc has it here.
local function belongings()
  local stat = io.open "/proc/self/stat"
  local pid = stat:read "*n"
  stat:close()
  return {
    descriptors = process.descriptors(),
    threads = lines_of(("ls /proc/%d/task"):format(pid)),
    files = lines_of "ls /dev/shm",
  }
end

local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

-- The connection: a reader's descriptor polls it, else it is the descriptor itself.
local function socket_of(handle)
  local file = io.open(("/proc/self/fdinfo/%d"):format(handle:fd()))
  local socket
  for fd in file:read("*a"):gmatch "tfd:%s+(%d+)" do
    socket = math.min(socket or math.huge, tonumber(fd))
  end
  file:close()
  return socket or handle:fd()
end

after_each(groups.clean)

describe("a group that is disconnected", function()
  local function lasting(more)
    local seen = { joins = 0, losses = 0 }
    local handlers = {
      config_change = function(_, _, joined) seen.joins = seen.joins + #joined end,
      disconnected = function() seen.losses = seen.losses + 1 end,
      message_received = function(_, message) seen.message = message end,
    }
    for name, value in pairs(more or {}) do handlers[name] = value end
    return groups.joined(handlers), seen
  end

  local function lose(group)
    assert(process.shutdown(socket_of(group[KEY].handle)))
  end

  local function cycle(group, seen, number)
    lose(group)
    assert(groups.eventually(function() return seen.losses == number end))
    assert(groups.eventually(function() return seen.joins == number + 1 end))
    assert(group:send_message("cycle " .. number))
    assert(groups.eventually(function() return seen.message == "cycle " .. number end))
  end

  for _, case in ipairs { { "plain", {} }, { "with a reader", { reader = true } },
    { "with views", { view_change = function() end } } } do
    it("reconnects " .. case[1] .. " and leaves nothing behind", function()
      local group, seen = lasting(case[2])
      local own = group:address()
      for i = 1, 5 do cycle(group, seen, i) end
      local used, before = memory(), belongings()
      for i = 6, CYCLES do cycle(group, seen, i) end
      assert.is_true(memory() - used < 50)
      -- At either time, what belongs to a lost connection may still be there for a while.
      assert(groups.eventually(function()
        for what, count in pairs(belongings()) do
          if count > before[what] then return false end
        end
        return true
      end), "more is left")
      assert.equal(own, group:address())
    end)
  end

  it("is notified once, and its handler may leave or send", function()
    local answers, group = {}, nil
    group = lasting {
      disconnected = function()
        table.insert(answers, select(3, group:send_message "x"))
        table.insert(answers, tostring(group:activate()))
        table.insert(answers, tostring(group:deactivate()))
      end,
    }
    lose(group)
    assert(groups.eventually(function() return #answers > 0 end))
    assert.same({ "not_connected", "true", "true" }, answers)
    assert.equal("idle", groups.state(group))
    assert.is_false(group:is_active())
    assert(group:activate())
    assert(groups.reaches(group, "joined"))
  end)

  it("reconnects when it is driven by step", function()
    local group, seen = lasting()
    lose(group)
    assert(wait.until_true(function()
      group:step()
      return seen.losses == 1 and seen.joins == 2
    end, 60))
  end)

  it("reconnects after an attempt raised, and reports the error", function()
    local problem
    local group, seen = lasting { error = function(message) problem = message end }
    local open = core.cpg.open
    finally(function() core.cpg.open = open end)
    core.cpg.open = function()
      core.cpg.open = open
      error "not enough memory"
    end
    lose(group)
    assert(groups.eventually(function() return seen.joins == 2 end))
    assert.matches("not enough memory", problem)
  end)

  it("reports once why it cannot reconnect, unless Corosync is down", function()
    local problems = {}
    local group, seen = lasting { error = function(message) table.insert(problems, message) end }
    local open, tries = core.cpg.open, 0
    finally(function() core.cpg.open = open end)
    core.cpg.open = function()
      tries = tries + 1
      if tries == 1 then return nil, "the daemon has not noticed yet", "exist" end
      return nil, "no more handles", "no_resources"
    end
    lose(group)
    assert(groups.eventually(function() return tries == 4 end))
    assert.same({ "no more handles" }, problems)
    core.cpg.open = open
    assert(groups.eventually(function() return seen.joins == 2 end))
  end)

  it("reconnects if there was no free descriptor when it should join again after its leave", function()
    local group, seen = lasting()
    local recorded = {}
    local function observe(name) return function() recorded[#recorded + 1] = name end end
    guards.observers = { activate = observe "activate", deactivate = observe "deactivate", lost = observe "lost",
      not_activated = observe "deactivate" }
    assert(group:deactivate())
    assert(group:activate())
    local open = core.cpg.open
    finally(function() core.cpg.open, guards.observers = open, nil end)
    core.cpg.open = function()
      core.cpg.open = open
      return nil, "no more handles", "no_resources"
    end
    assert(groups.eventually(function() return seen.joins == 2 end))
    assert.equal(1, seen.losses)
    assert.same({ "deactivate", "activate", "activate", "deactivate", "activate", "lost" }, recorded)
  end)

  it("reconnects when only the quorum connection is lost", function()
    local told = {}
    local group = lasting { view_change = function(view)
      told[#told + 1] = ("%s, %d"):format(tostring(view.quorate), #view.members)
    end, disconnected = function() told[#told + 1] = "lost" end }
    assert(groups.eventually(function() return #told == 1 end))
    assert(process.shutdown(group[KEY].views:fd()))
    assert(groups.eventually(function() return #told == 3 end))
    assert.same({ "true, 1", "lost", "true, 1" }, told)
  end)

  it("notices the disconnect while a view is overdue, after earlier events", function()
    local told = {}
    local group = groups.new {
      view_change = function() end,
      message_received = function(_, message) told[#told + 1] = message end,
      disconnected = function() told[#told + 1] = "lost" end,
    }
    assert(group:activate())
    -- One event at a time, and then no turn for the view that it makes due.
    assert(wait.until_true(function()
      group:dispatch(1)
      return group[KEY].overdue
    end, 60))
    for _ = 1, 3 do assert(group:send_message "before") end
    assert(group[KEY].handle:wait(60))
    assert(process.shutdown(group[KEY].views:fd()))
    local rounds = 0
    assert(group:wait_for(function()
      rounds = rounds + 1
      return told[#told] == "lost"
    end))
    assert.equal("before", told[1])
    assert.is_true(rounds < 100)
  end)

  it("notices the disconnect while more events are queued than can be handled in time", function()
    local MANY, handled = 4000, 0
    local at_loss
    local group, seen = lasting {
      window = MANY,
      view_change = function() end,
      message_received = function()
        uv.sleep(1)
        handled = handled + 1
      end,
      disconnected = function() at_loss = handled end,
    }
    for _ = 1, MANY do assert(group:send_message "much") end
    assert(process.shutdown(group[KEY].views:fd()))
    assert(groups.eventually(function() return at_loss end))
    assert.is_true(at_loss > 0 and at_loss < MANY)
    assert(groups.eventually(function() return seen.joins == 2 end))
  end)

  it("delivers no outdated view when the quorum connection is lost", function()
    local group, seen = lasting()
    assert(group:view())
    assert(process.shutdown(group[KEY].views:fd()))
    assert.equal("not_connected", select(3, group:view()))
    assert(groups.eventually(function() return seen.losses == 1 and seen.joins == 2 end))
    assert(group:view())
  end)

  it("uses no CPU until the next attempt", function()
    local group, seen = lasting()
    lose(group)
    assert(group:wait_for(function() return seen.losses == 1 end))
    local turns = 0
    repeat
      assert(group:dispatch() == 0)
      turns = turns + 1
      group[KEY].timer:wait(10)
    until group[KEY].backoff.due <= core.now()
    assert.is_true(turns < 5)
    assert(groups.reaches(group, "joined"))
  end)

  it("reconnects in the loop when only its view was requested and was not available", function()
    local seen
    local group = lasting { disconnected = function() seen = "lost" end, config_change = function()
      if seen == "lost" then corosync.loop.stop() end
    end }
    assert(group:view())
    assert(corosync.loop.add(group))
    local timer, code = uv.new_timer(), nil
    timer:start(50, 0, function()
      process.shutdown(group[KEY].views:fd())
      code = select(3, group:view())
    end)
    local late = uv.new_timer()
    late:start(60000, 0, function()
      seen = "late"
      corosync.loop.stop()
    end)
    corosync.loop.run()
    timer:close()
    late:close()
    assert.equal("not_connected", code)
    assert.equal("lost", seen)
    assert(groups.eventually(function() return group:view() end))
  end)

  it("stays unreferenced in the loop", function()
    local joins = 0
    local group = lasting { config_change = function(_, _, joined)
      joins = joins + #joined
      if joins == 2 then corosync.loop.stop() end
    end }
    assert(corosync.loop.add(group))
    corosync.loop.unref(group)
    local late = uv.new_timer()
    late:start(60000, 0, corosync.loop.stop)
    late:unref()
    corosync.loop.run()
    late:close()
    assert.equal(1, joins)
    lose(group)
    local keep = uv.new_timer()
    keep:start(60000, 0, function() end)
    corosync.loop.run()
    keep:close()
    assert.equal(2, joins)
    corosync.loop.run()
    assert.is_true(group:is_active())
  end)

  it("is not reconnected after an overflow until activate is called", function()
    local reasons = {}
    local group = groups.joined {
      reader = { after = 0, limit = 10000 },
      disconnected = function(reason) table.insert(reasons, reason) end,
    }
    handles.flood(group.name, 100, 1000)
    assert(groups.eventually(function() return #reasons > 0 end))
    assert.matches("its handlers lag", reasons[1])
    assert.equal("idle", groups.state(group))
    assert.equal(1, #reasons)
    assert(group:activate())
    assert(groups.reaches(group, "joined"))
  end)

  it("stays inactive when a handler deactivates it after an overflow", function()
    local answers, reasons, group = {}, {}, nil
    group = groups.joined {
      reader = { after = 0, limit = 100000 },
      message_received = function(_, message)
        if message == "go" then
          handles.flood(group.name, 200, 1000)
          local deadline = os.time() + 60
          repeat
            local ok, why, code = group:send_message "x"
            answers = ok and {} or { why, code }
            assert(os.time() < deadline, why)
          until code == "not_joined"
          answers.left = group:deactivate()
        end
      end,
      disconnected = function(reason) table.insert(reasons, reason) end,
    }
    assert(group:send_message "go")
    assert(groups.eventually(function() return #reasons > 0 end))
    assert.equal("not_joined", answers[2])
    assert.matches("its reader has left the group because handlers lag", answers[1])
    assert.is_true(answers.left)
    assert.matches("its handlers lag", reasons[1])
    assert.is_false(group:is_active())
    assert(group:activate())
    assert(groups.reaches(group, "joined"))
  end)
end)
