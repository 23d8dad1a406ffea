local KEY = require "corosync.private"
local controllers = require "spec.helpers.controllers"
local cqueues = require "cqueues"
local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"
local process = require "spec_process"
local uv = require "luv"

local run, numbers, calm = controllers.run, controllers.numbers, controllers.calm

local state = groups.state

local function new(...)
  return controllers.patient(groups.new(...))
end

local function joined_group()
  return controllers.patient(groups.joined())
end

local SOON = 30 -- seconds, the longest poll for events that are there

local function serve(group)
  while group:dispatch() do
    cqueues.poll(group)
  end
end

-- A group that collects messages and calls `at[message](group)` after one.
local function collector(at, handlers)
  local seen, group = {}, nil
  handlers = handlers or {}
  function handlers.message_received(_, message)
    seen[#seen + 1] = message
    if at[message] then at[message](group) end
  end
  group = new(handlers)
  return group, seen
end

local function leave(group)
  assert(group:deactivate())
end

describe("a group in a cqueues controller", function()
  after_each(groups.clean)

  it("delivers in one coroutine the messages sent in another", function()
    local MANY = 5000
    local group, seen = collector { [tostring(MANY)] = leave }
    assert(group:activate())
    run(function() serve(group) end, function()
      for i = 1, MANY do
        assert(group:send_message(tostring(i)))
        if i % 100 == 0 then cqueues.sleep(0) end
      end
    end)
    assert.same(numbers(MANY), seen)
    assert.equal("idle", state(group))
  end)

  it("uses no CPU while idle", function()
    local group = joined_group()
    local before, outcome
    run(function()
      calm(group)
      before = os.clock()
      outcome = { cqueues.poll(group, 0.3) }
    end)
    assert.same({ 0.3 }, outcome)
    assert.is_true(os.clock() - before < 0.1)
  end)

  -- Acts like a full queue: events that arrive while a send waits are fetched, so that the descriptor no longer shows
  -- them.
  it("ends a poll for events that a send in another coroutine fetched", function()
    local group, seen = collector { x = leave }
    assert(group:activate() and groups.reaches(group, "joined"))
    local real, sent = group[KEY].handle, false
    group[KEY].sender = nil -- sends use the handle below
    run(function() serve(group) end, function()
      cqueues.sleep(0.05)
      group[KEY].handle = setmetatable({ send = function()
        if sent then return true end
        sent = assert(real:send "x" and real:wait(SOON))
        return nil, "", "try_again"
      end }, { __index = function(_, name)
        return function(_, ...) return real[name](real, ...) end
      end })
      assert(group:send_message "not sent")
      group[KEY].handle = real
    end)
    assert.same({ "x" }, seen)
  end)

  it("ends a poll for events that a dispatch in another coroutine left", function()
    local group, seen = collector { ["1"] = function(self) self:stop() end, ["3"] = leave }
    assert(group:activate() and groups.reaches(group, "joined"))
    run(function() serve(group) end, function()
      cqueues.sleep(0.05)
      for _, message in ipairs(numbers(3)) do assert(group:send_message(message)) end
      for _ = 1, 3 do group[KEY].handle:fetch(0.1) end
      repeat assert(group:dispatch()) until #seen > 0
      assert.same({ "1" }, seen)
    end)
    assert.same(numbers(3), seen)
  end)

  it("ends a poll when another coroutine deactivates the group", function()
    local group = joined_group()
    local ended
    run(function()
      serve(group)
      ended = true
    end, function()
      cqueues.sleep(0.05)
      leave(group)
    end)
    assert.is_true(ended)
  end)

  it("ends a poll when another coroutine dispatches the group's leave", function()
    local group = joined_group()
    local ended
    run(function()
      serve(group)
      ended = true
    end, function()
      cqueues.sleep(0.05)
      leave(group)
      assert(group:wait_for(function() return state(group) == "idle" end))
    end)
    assert.is_true(ended)
  end)

  it("keeps its descriptor across activations", function()
    local ROUNDS = 20
    local group, seen = collector(setmetatable({}, { __index = function() return leave end }))
    local fd = group:pollfd()
    run(function()
      for i = 1, ROUNDS do
        assert(group:activate())
        cqueues.poll(group)
        assert(group:send_message(tostring(i)))
        serve(group)
        assert.equal(fd, group:pollfd())
      end
    end)
    assert.same(numbers(ROUNDS), seen)
  end)

  it("rejoins while it is polled", function()
    local group, seen
    local joins = 0
    group, seen = collector({ ["1"] = leave, ["2"] = leave }, {
      config_change = function(_, left, joined)
        joins = joins + #joined
        if #left > 0 and joins == 1 then assert(group:activate()) end
      end,
    })
    assert(group:activate())
    run(function() serve(group) end, function()
      assert(group:send_message "1")
      while joins < 2 do cqueues.sleep(0.001) end
      assert(group:send_message "2")
    end)
    assert.same(numbers(2), seen)
  end)

  it("ends a poll and reports that it is not active", function()
    local group = new()
    local early, code
    run(function()
      early = cqueues.poll(group, SOON)
      code = select(3, group:dispatch())
    end)
    assert.equal(group, early)
    assert.equal("not_joined", code)
  end)

  it("reports events fetched before pollfd was called", function()
    local group, seen = collector { x = leave }
    assert(group:activate())
    assert(group:send_message "x")
    assert(group[KEY].handle:fetch(SOON))
    run(function() serve(group) end)
    assert.same({ "x" }, seen)
  end)

  it("delivers views in time", function()
    local group, views = nil, {}
    group = new {
      settle = 0.1,
      view_change = function(view)
        views[#views + 1] = view
        leave(group)
      end,
    }
    assert(group:activate())
    run(function() serve(group) end)
    assert.equal(1, #views)
    assert.equal(1, #views[1].members)
    assert.is_true(views[1].quorate)
  end)

  it("continues beside a group that its handler deactivates", function()
    local other, other_seen = collector {}
    local group, seen = collector {
      ["2"] = function(self)
        leave(other)
        leave(self)
      end,
    }
    assert(group:activate() and other:activate())
    run(function() serve(group) end, function() serve(other) end, function()
      assert(other:send_message "x")
      while #other_seen == 0 do cqueues.sleep(0.001) end
      assert(group:send_message "1" and group:send_message "2")
    end)
    assert.same({ "1", "2" }, seen)
    assert.equal("idle idle", state(group) .. " " .. state(other))
  end)

  it("is unaffected by a fork", function()
    local group, seen = collector { x = leave }
    assert(group:activate() and groups.reaches(group, "joined"))
    local outcome
    run(function()
      calm(group)
      assert.equal(0, process.fork(function() return select(3, group:dispatch()) == "wrong_process" end))
      outcome = { cqueues.poll(group, 0.1) }
      assert(group:send_message "x")
      serve(group)
    end)
    assert.same({ 0.1 }, outcome)
    assert.same({ "x" }, seen)
  end)

  it("notices its own disconnect while a forked child still holds the connection", function()
    local group = joined_group()
    group:pollfd()
    local child = process.fork_here()
    if child == 0 then process.stay() end
    finally(function()
      uv.kill(child, "sigkill")
      process.wait(child)
    end)
    local outcome
    run(function()
      leave(group)
      serve(group)
      assert(group:activate())
      calm(group)
      outcome = { cqueues.poll(group, 0.1) }
    end)
    assert.same({ 0.1 }, outcome)
  end)
end)

describe("daemon loss in a cqueues controller", function()
  local cluster

  before_each(function() cluster = assert(lab.start(1)) end)
  after_each(function() assert(cluster:stop()) end)

  local function start(...)
    local program = assert(cluster:run(1, { groups.interpreter, ... }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 60))
    assert.equal("ready", program.lines[1], table.concat(program.errors, "\n"))
    assert(cluster:kill(1))
    return program
  end

  it("is reported, and the group reconnects", function()
    local program = start "spec/helpers/clients/cqueues_member.lua"
    assert(cluster:wait_for(function() return #program.lines == 3 end, 60))
    assert(cluster:restart(1))
    assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
    table.sort(program.lines)
    assert.same({ "dispatch\tnot_joined", "end", "group\thas gone", "group\tis back", "ready",
      "receive\tnot_connected\ttrue\t0" }, program.lines)
  end)

  it("does not keep a deactivated group waiting", function()
    local program = start("-e", [[
      local corosync, cqueues = require "corosync", require "cqueues"
      io.stdout:setvbuf "line"
      local group = corosync.group("spec", {})
      assert(group:activate() and group:send_message "x")
      local controller = cqueues.new()
      controller:wrap(function()
        while group:dispatch() do cqueues.poll(group) end
        print "end"
      end)
      controller:wrap(function()
        cqueues.sleep(0.1)
        print "ready"
        io.read()
        print(group:deactivate())
      end)
      print(controller:loop(60), controller:count()) ]])
    assert(program:write "\n")
    assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
    assert.same({ "ready", "true", "end", "true\t0" }, program.lines)
  end)
end)
