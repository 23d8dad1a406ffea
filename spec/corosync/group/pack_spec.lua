-- Groups that pack their messages, in each way to handle events.
local KEY = require "corosync.private"
local controllers = require "spec.helpers.controllers"
local corosync = require "corosync"
local cqueues = require "cqueues"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local lab = require "corosync.lab"
local loops = require "spec.helpers.loops"
local packing = require "spec.helpers.packing"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local MANY = 5000
local LONG = ("0123456789abcdef"):rep(200000)

local eventually, joined, new, state = groups.eventually, groups.joined, groups.new, groups.state

local function numbers(last)
  return controllers.numbers(last)
end

-- A group with `more` in its table, and the texts of its messages; it calls `at[text](group)` after one.
local function collector(at, more)
  local seen, group = {}, nil
  local handlers = { pack = true }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  function handlers.message_received(_, message)
    seen[#seen + 1] = message
    if at[message] then at[message](group) end
  end
  group = controllers.patient(new(handlers))
  return group, seen
end

local function leave(group)
  assert(group:deactivate())
end

local function send_numbers(group, last)
  for i = 1, last do
    loops.must(group:send_message(tostring(i)))
  end
end

describe("a group that packs", function()
  after_each(groups.clean)
  after_each(packing.clean)

  it("delivers all messages in order by dispatch, and waits where it must", function()
    local group, seen = collector {}
    assert(group:activate())
    send_numbers(group, 3 * MANY)
    assert(eventually(function() return #seen == 3 * MANY end))
    assert.same(numbers(3 * MANY), seen)
  end)

  it("delivers long messages, between short ones, also those sent in a handler", function()
    local group, seen = collector { go = function(self)
      assert(self:send_message(LONG))
      assert(self:send_message "after")
    end }
    assert(group:activate())
    assert(group:send_message "before")
    assert(group:send_message(LONG))
    assert(group:send_message { LONG, "x" })
    assert(group:send_message "go")
    assert(eventually(function() return #seen == 6 end))
    for i, expected in ipairs { "before", LONG, LONG .. "x", "go", LONG, "after" } do
      assert(seen[i] == expected, i)
    end
    groups.refused("too_big", group:send_message { LONG:rep(20), LONG })
  end)

  it("delivers through step in a coroutine", function()
    local group, seen = collector {}
    assert(group:activate())
    local co = coroutine.wrap(function()
      while #seen < MANY do
        while group:step() do end
        coroutine.yield()
      end
      return "done"
    end)
    local sent, deadline = 0, os.time() + 60
    local ended
    repeat
      if state(group) == "joined" then
        for _ = 1, math.min(100, MANY - sent) do
          sent = sent + 1
          assert(group:send_message(tostring(sent)))
        end
      end
      ended = co()
      assert(os.time() < deadline)
    until ended
    assert.same(numbers(MANY), seen)
  end)

  it("delivers in corosync.loop, in order, what handlers, timers and idle callbacks send", function()
    local sent = 0
    local group, seen
    local function send(count)
      for _ = 1, count do
        sent = sent + 1
        loops.must(group:send_message(tostring(sent)))
      end
    end
    local timer, idle = uv.new_timer(), uv.new_idle()
    group, seen = collector({ ["10"] = function() send(math.min(20, MANY - sent)) end, [tostring(MANY)] = leave }, {
      config_change = function(_, _, came)
        if #came == 0 then return end
        send(10)
        timer:start(1, 1, function()
          send(math.min(70, MANY - sent))
          if sent == MANY then
            timer:close()
            idle:close()
          end
        end)
        idle:start(function() if sent + 7 < MANY then send(7) end end)
      end,
    })
    assert(corosync.loop.add(group))
    loops.run()
    assert.same(numbers(MANY), seen)
  end)

  it("sends at the end of each turn of the loop what a timer has sent", function()
    local group, seen = collector { ["1"] = function(self) assert(self:send_message "4") end }
    assert(corosync.loop.add(group))
    assert(eventually(function() return state(group) == "joined" end))
    local other = packing.observer(group.name)
    assert(eventually(function() return #assert(group:members()) == 2 end))
    loops.after(1, function()
      send_numbers(group, 3)
      loops.after(50, corosync.loop.stop)
    end)
    loops.run()
    assert(eventually(function() return #seen == 4 end))
    -- Else the handler's message would be in the same frame.
    program.line(other, "^frame 2|3$")
    assert.same(numbers(4), seen)
  end)

  it("is flushed in the loop as long as it is added, also as a handle", function()
    local seen = {}
    local handle = handles.open { pack = true, message_received = function(_, message)
      seen[#seen + 1] = message
      if #seen == 300 then corosync.loop.stop() end
    end }
    assert(handles.join(handle, handles.group_name()))
    assert(corosync.loop.add(handle))
    loops.after(1, function()
      for i = 1, 300 do loops.must(handle:send(tostring(i))) end
    end)
    loops.run()
    corosync.loop.remove(handle)
    assert.same(numbers(300), seen)
    loops.after(1, function() loops.must(handle:send "x") end)
    loops.run() -- ends: nothing is left to wait for
    assert(handle:close())
  end)

  it("delivers in a cqueues controller, in one coroutine, the messages sent in another", function()
    local group, seen = collector { [tostring(MANY)] = leave }
    assert(group:activate())
    controllers.run(function()
      while group:dispatch() do cqueues.poll(group) end
    end, function()
      for i = 1, MANY do
        assert(group:send_message(tostring(i)))
        if i % 7 == 0 then cqueues.sleep(0) end
        if i % 1000 == 0 then cqueues.sleep(0.01) end
      end
    end)
    assert.same(numbers(MANY), seen)
    assert.equal("idle", state(group))
  end)

  it("sends a frame in a cqueues controller although nothing else happens", function()
    local group, seen = collector { ["3"] = leave }
    assert(group:activate() and groups.reaches(group, "joined"))
    controllers.run(function()
      while group:dispatch() do cqueues.poll(group) end
    end, function()
      controllers.calm(group)
      send_numbers(group, 3)
    end)
    assert.same({ "1", "2", "3" }, seen)
  end)

  it("delivers all that was sent right before deactivate, to others as well", function()
    local group, seen = collector {}
    assert(group:activate() and groups.reaches(group, "joined"))
    local other = packing.observer(group.name)
    local own = tostring(group:address())
    send_numbers(group, 1000)
    assert(group:deactivate())
    groups.refused("not_joined", group:send_message "late")
    assert(groups.reaches(group, "idle"))
    assert.same(numbers(1000), seen)
    program.line(other, "^left " .. own .. "$")
    local list = {}
    for _, text in ipairs(other.lines) do
      for number in (text:match "^frame (.*)$" or ""):gmatch "%d+" do
        list[#list + 1] = number
      end
    end
    assert.same(numbers(1000), list)
  end)

  it("delivers a long message that was sent right before deactivate, and can be activated again", function()
    local group, seen = collector {}
    assert(group:activate() and group:send_message(LONG))
    assert(group:send_message "after")
    assert(group:deactivate())
    assert(group:activate()) -- once it has left
    assert(eventually(function() return state(group) == "joined" end))
    assert(#seen == 2 and seen[1] == LONG and seen[2] == "after")
    send_numbers(group, 10)
    assert(eventually(function() return #seen == 12 end))
  end)

  it("reports members that do not pack through its error handler, by dispatch and by step", function()
    for _, turn in ipairs { "dispatch", "step" } do
      local problems, changes = {}, 0
      local group = joined { pack = true, config_change = function() changes = changes + 1 end,
        error = function(message) problems[#problems + 1] = message end }
      local other = packing.observer(group.name)
      packing.inject(other, "raw")
      packing.inject(other, "raw")
      local heard
      group[KEY].handlers.message_received = function(_, message) heard = message end
      packing.inject(other, packing.frame "good")
      assert(wait.until_true(function()
        group[turn](group)
        return heard == "good"
      end, 60))
      assert.equal(1, #problems)
      assert.matches("^member " .. other.address .. " of group 'spec%-%d+' sends messages that are not packed: ",
        problems[1])
      group:deactivate()
      assert(groups.reaches(group, "idle"))
    end
  end)

  it("has one order of changes and messages with another member", function()
    local events = {}
    local function text(addresses) return tostring(#addresses) end
    local group = joined {
      pack = true,
      config_change = function(members) events[#events + 1] = "members " .. text(members) end,
      message_received = function(_, message) events[#events + 1] = message end,
    }
    local body = ([[
      local corosync = require "corosync"
      io.stdout:setvbuf "line"
      local turn = ...
      local own, group
      group = corosync.group("%s", {
        pack = true,
        config_change = function(members) print("members " .. #members) end,
        message_received = function(address, message)
          print(message)
          if message == "leave" then group:deactivate() end
        end,
      })
      corosync.loop.add(group)
      local uv, count = require "luv", 0
      local timer = uv.new_timer()
      timer:start(1, 1, function()
        for _ = 1, 20 do
          count = count + 1
          group:send_message("other " .. count)
        end
        if count == 1000 then timer:close() end
      end)
      corosync.loop.run() ]]):format(group.name)
    local first = program.start(groups.interpreter, "-e", body)
    local sent = 0
    assert(eventually(function()
      for _ = 1, sent < MANY and 10 or 0 do
        sent = sent + 1
        assert(group:send_message("own " .. sent))
      end
      return first.lines[1]
    end))
    local second = program.start(groups.interpreter, "-e", body)
    assert(eventually(function()
      sent = sent + 1
      assert(group:send_message("own " .. sent))
      return second.lines[1] and packing.count(first, "other 1000") == 2
    end, 60))
    assert(group:send_message "leave")
    assert(eventually(function() return first.exited and second.exited and events[#events] == "members 1" end, 60))
    for _, other in ipairs { first, second } do
      local at
      for i, event in ipairs(events) do
        at = at or event == other.lines[1] and i
      end
      for i, line in ipairs(other.lines) do
        -- The two leave one after the other, each of them sees the leaves before its own.
        assert.equal(line:match "^members [01]$" and "members" or line,
          line:match "^members [01]$" and events[at + i - 1]:match "^members" or events[at + i - 1])
      end
      assert.is_true(#other.lines > 1000)
    end
  end)

  it("delivers views, also under load", function()
    local group, seen
    local views = {}
    group, seen = collector({}, { view_change = function(view) views[#views + 1] = { #view.members, #seen } end })
    assert(group:activate() and groups.reaches(group, "joined"))
    assert(eventually(function() return #views == 1 end))
    local other = packing.observer(group.name)
    send_numbers(group, MANY)
    assert(eventually(function() return #views == 2 and #seen == MANY end))
    assert.equal(2, views[2][1])
    other:kill "sigkill"
    assert(eventually(function() return #views == 3 end))
    assert.equal(1, views[3][1])
    assert.same(numbers(MANY), seen)
  end)
end)

describe("group:flush", function()
  after_each(groups.clean)
  after_each(packing.clean)

  it("sends what is packed, at once", function()
    local group, seen = collector {}
    assert(group:activate() and groups.reaches(group, "joined"))
    local other = packing.observer(group.name)
    send_numbers(group, 3)
    assert.is_true(group:flush())
    program.line(other, "^frame 2|3$")
    assert(eventually(function() return #seen == 3 end))
  end)

  it("waits until a long message is sent, at most for the timeout", function()
    local group, seen = collector {}
    assert(group:activate() and group:send_message(LONG))
    group.timeout = 0
    groups.refused("timeout", group:flush())
    group.timeout = 60
    assert.is_true(group:flush())
    assert(eventually(function() return #seen == 1 end))
  end)

  it("returns true in any state when nothing waits, and without pack", function()
    local group = new { pack = true }
    assert.is_true(group:flush())
    assert(group:activate())
    assert.is_true(group:flush())
    assert(groups.reaches(group, "joined"))
    assert.is_true(group:flush())
    assert(group:deactivate())
    assert.is_true(group:flush())
    assert(groups.reaches(group, "idle"))
    assert.is_true(group:flush())
    assert.is_true(joined():flush())
  end)

  it("can be called in a handler", function()
    local outcome, last
    local group = collector { ["1"] = function(self)
      send_numbers(self, 5)
      outcome = outcome or { self:flush() }
      last = true
    end }
    assert(group:activate() and group:send_message "1")
    assert(eventually(function() return last end))
    assert.same({ true }, outcome)
    group[KEY].handlers.message_received = nil
  end)
end)

describe("the option pack of a group", function()
  after_each(groups.clean)

  it("raises for wrong values when the group is made", function()
    local function refused(pattern, more)
      assert.error_matches(function() corosync.group("name", more) end, pattern)
    end
    refused("field 'pack': boolean or table expected, got number", { pack = 1 })
    refused("unknown field 'byte'", { pack = { byte = 8 } })
    refused("field 'bytes' must be a whole number from 64 to 1000000", { pack = { bytes = 1 } })
    refused("the fields 'pack' and 'split' exclude each other", { pack = true, split = true })
    refused("unknown field 'packs': did you mean 'pack'%?", { packs = true })
  end)

  it("can be a field of a class, whose own methods pack and flush are left alone", function()
    local calls = {}
    local function class(fields)
      fields.__index = fields
      function fields:flush(...) calls[#calls + 1] = { self.name, ... } end
      function fields:message_received(_, message) self.last = message end
      return fields
    end
    local packed = joined(class { pack = { bytes = 100 } })
    local function pack(self) calls[#calls + 1] = { self.name, "pack" } end
    local plain = joined(class { pack = pack })
    assert.is_true(packed[KEY].handle:max_message_size() > plain[KEY].handle:max_message_size())
    for _, group in ipairs { packed, plain } do
      assert(corosync.loop.add(group))
      for i = 1, 100 do assert(group:send_message(tostring(i))) end
      assert(eventually(function() return group.last == "100" end))
      assert.same({}, calls)
    end
    packed:flush "mine"
    plain:pack()
    assert.same({ { packed.name, "mine" }, { plain.name, "pack" } }, calls)
    assert.is_true(corosync.Group.flush(packed))
  end)
end)

describe("a group that packs, when its daemon is killed,", function()
  local cluster

  before_each(function() cluster = assert(lab.start(1)) end)
  after_each(function() assert(cluster:stop()) end)

  it("loses what was accepted and not delivered, once, and sends again after it has rejoined", function()
    local it = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync, uv = require "corosync", require "luv"
      local seen, joins, group = {}, 0, nil
      group = corosync.group("spec", {
        pack = true,
        config_change = function(_, _, came)
          joins = joins + #came
          print("joined", joins)
          if joins == 2 then
            for i = 1, 20000 do assert(group:send_message("new " .. i)) end
          end
        end,
        disconnected = function() print("lost", (select(3, group:send_message "while away")), group:flush()) end,
        message_received = function(_, message)
          local tag, number = message:match "^(%a+) (%d+)$"
          assert(tonumber(number) == (seen[tag] or 0) + 1, "out of order")
          seen[tag] = tonumber(number)
          assert(tag ~= "old" or joins == 1)
          if message == "new 20000" then
            print("end", (seen.old or 0) < 8000, group:flush())
            corosync.loop.stop()
          end
        end,
        error = function(message) print("error", message) end,
      })
      assert(corosync.loop.add(group))
      local input = uv.new_pipe(false)
      input:open(0)
      -- The daemon is paused, so these stay in frames and in its queue.
      input:read_start(function(_, data)
        if not data or input:is_closing() then return end
        input:close()
        local sent = 0
        group.timeout = 0
        while sent < 8000 and group:send_message("old " .. sent + 1) do sent = sent + 1 end
        group.timeout = 10
        print("sent", sent > 500)
      end)
      corosync.loop.run() ]] }))
    local function shows(text)
      return assert(cluster:wait_for(function() return groups.has_line(it, text) or it.exited end, 60))
        and groups.has_line(it, text)
    end
    assert(shows "joined\t1", table.concat(it.errors, "\n"))
    assert(cluster:pause(1))
    assert(it:write "go\n")
    assert(shows "sent\ttrue", table.concat(it.errors, "\n"))
    assert(cluster:kill(1))
    assert(cluster:wait_for(function() return it.lines[3] or it.exited end, 60))
    assert(cluster:restart(1))
    assert.equal(0, it:wait(60), table.concat(it.errors, "\n"))
    assert.same({ "joined\t1", "sent\ttrue", "lost\tnot_connected\ttrue", "joined\t2", "end\ttrue\ttrue" }, it.lines)
  end)
end)
