-- Handles and groups in a controller of cqueues, beside coroutines that do other things; and in a plain loop.

local corosync = require "corosync"
local cqueues = require "cqueues"
local groups = require "spec.support.groups"
local handles = require "spec.support.handles"
local lab = require "corosync.lab"
local process = require "spec_process"
local uv = require "luv"

local new, state = groups.new, groups.state
local unpack = table.unpack or unpack -- luacheck: ignore 113

local LIMIT = 8 -- seconds for the coroutines of a spec; a poll of a group ends after 10 in any case
local SOON = 5 -- seconds, the longest poll for what is there already
local SERVICES = { "cpg", "cmap", "quorum", "votequorum", "cfg" }

-- Runs coroutines in one controller until all have ended.
local function run(...)
  local controller = cqueues.new()
  for _, each in ipairs { ... } do
    controller:wrap(each)
  end
  local ok, problem = controller:loop(LIMIT)
  if not ok then error(problem, 0) end
  assert.equal(0, controller:count(), "coroutines that have not ended in time")
end

local function numbers(last)
  local list = {}
  for i = 1, last do
    list[i] = tostring(i)
  end
  return list
end

local function joined_handle()
  local handle = handles.open()
  assert(handles.join(handle, groups.name()))
  return handle
end

-- The functions from here to the next heading are for coroutines.

-- The next event, or nil, message, code.
local function receive(handle)
  while true do
    local event = { handle:receive() }
    if event[1] or event[3] then
      return unpack(event, 1, 7)
    end
    cqueues.poll(handle)
  end
end

-- The values of the next event of that name.
local function expect(handle, name)
  while true do
    local event = { receive(handle) }
    assert(event[1], event[2])
    if event[1] == name then
      return unpack(event, 2, 7)
    end
  end
end

-- Lets the others go on while Corosync cannot take more.
local function send(handle, message)
  local ok, why, code = handle:send(message)
  while not ok do
    assert(code == "try_again", why)
    cqueues.sleep(0.001)
    ok, why, code = handle:send(message)
  end
end

-- Takes what comes with a join.
local function calm(object)
  while cqueues.poll(object, 0.05) == object do
    assert(object:dispatch())
  end
end

local function serve(group)
  while group:dispatch() do
    cqueues.poll(group)
  end
end

describe("in a controller of cqueues, a handle", function()
  after_each(handles.close_all)

  it("gives in one coroutine what another sends", function()
    local MANY = 3000
    local handle, seen = joined_handle(), {}
    run(function()
      while #seen < MANY do seen[#seen + 1] = select(2, expect(handle, "message")) end
    end, function()
      for i = 1, MANY do send(handle, tostring(i)) end
    end)
    assert.same(numbers(MANY), seen)
  end)

  it("wakes its own coroutine, of many", function()
    local MANY, ROUNDS = 10, 50
    local coroutines, done = {}, 0
    for number = 1, MANY do
      local handle = joined_handle()
      coroutines[number] = function()
        for round = 1, ROUNDS do
          local message = number .. " " .. round
          send(handle, message)
          assert.equal(message, select(2, expect(handle, "message")))
        end
        done = done + 1
      end
    end
    run(unpack(coroutines))
    assert.equal(MANY, done)
  end)

  it("costs nothing while nothing comes", function()
    local handle = joined_handle()
    local outcome, before
    run(function()
      calm(handle)
      before = os.clock()
      outcome = { cqueues.poll(handle, 0.3) }
    end)
    assert.same({ 0.3 }, outcome)
    assert.is_true(os.clock() - before < 0.1)
  end)

  it("ends a poll for events that the descriptor does not show", function()
    local handle = joined_handle()
    local outcome, message
    run(function()
      expect(handle, "ring")
      assert.is_nil(handle:timeout())
      send(handle, "x")
      assert(handle:fetch(SOON))
      assert.equal(0, handle:timeout())
      outcome = { cqueues.poll(handle, SOON) }
      message = select(2, expect(handle, "message"))
    end)
    assert.equal(handle, outcome[1])
    assert.equal("x", message)
    assert.is_nil(handle:timeout())
  end)

  it("that is cancelled and closed wakes who polls it", function()
    local handle = joined_handle()
    local code, early, _
    run(function()
      -- What tells of the joining comes first.
      local kind
      repeat
        kind, _, code = receive(handle)
      until not kind
      early = cqueues.poll(handle, SOON)
    end, function()
      cqueues.sleep(0.05)
      cqueues.cancel(handle)
      handle:close()
      cqueues.cancel(handle)
    end)
    assert.equal("closed", code)
    assert.equal(handle, early)
  end)

  it("leaves its number to others once it is cancelled and closed", function()
    local seen = {}
    run(function()
      for i = 1, 20 do
        local handle = joined_handle()
        send(handle, tostring(i))
        seen[i] = select(2, expect(handle, "message"))
        cqueues.cancel(handle)
        handle:close()
      end
    end)
    assert.same(numbers(20), seen)
  end)

  it("of every library answers what controllers ask", function()
    for _, service in ipairs(SERVICES) do
      local handle = handles.keep(assert(corosync[service].open(service ~= "cmap" and {} or nil)))
      assert.equal(handle:fd(), handle:pollfd(), service)
      assert.equal("r", handle:events(), service)
      assert.is_nil(handle:timeout(), service)
      assert.is_true(process.fork(function()
        return handle:pollfd() == -1 and handle:timeout() == 0
      end) == 0, service)
      handle:close()
      assert.equal(-1, handle:pollfd(), service)
      assert.equal(0, handle:timeout(), service)
    end
  end)

  it("stands beside those of other libraries", function()
    local KEY = "spec.cqueues"
    local member, map = joined_handle(), handles.keep(assert(corosync.cmap.open()))
    local quorum = handles.keep(assert(corosync.quorum.open()))
    local seen = {}
    assert(map:track(KEY))
    assert(quorum:track())
    run(function()
      seen.quorate = expect(quorum, "quorum")
      assert(map:set(KEY, 7, "u8"))
    end, function()
      seen.change = { expect(map, "change") }
      send(member, "x")
    end, function()
      seen.message = select(2, expect(member, "message"))
    end)
    assert(map:delete(KEY))
    assert.same({ quorate = true, change = { "add", KEY, 7, nil, "u8" }, message = "x" }, seen)
  end)
end)

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

describe("in a controller of cqueues, a group", function()
  after_each(groups.clean)

  it("gives in one coroutine what another sends", function()
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

  it("costs nothing while nothing comes", function()
    local group = groups.joined()
    local before, outcome
    run(function()
      calm(group)
      before = os.clock()
      outcome = { cqueues.poll(group, 0.3) }
    end)
    assert.same({ 0.3 }, outcome)
    assert.is_true(os.clock() - before < 0.1)
  end)

  -- As a full queue does: what arrives while a send waits is moved out of the descriptor's sight.
  it("wakes who polls it for events that another's sending has fetched", function()
    local group, seen = collector { x = leave }
    assert(group:activate() and groups.reaches(group, "joined"))
    local real, sent = group._handle, false
    run(function() serve(group) end, function()
      cqueues.sleep(0.05)
      group._handle = setmetatable({ send = function()
        if sent then return true end
        sent = assert(real:send "x" and real:wait(SOON))
        return nil, "", "try_again"
      end }, { __index = function(_, name)
        return function(_, ...) return real[name](real, ...) end
      end })
      assert(group:send_message "not sent")
      group._handle = real
    end)
    assert.same({ "x" }, seen)
  end)

  it("wakes who polls it for events that another's dispatch has left", function()
    local group, seen = collector { ["1"] = function(self) self:stop() end, ["3"] = leave }
    assert(group:activate() and groups.reaches(group, "joined"))
    run(function() serve(group) end, function()
      cqueues.sleep(0.05)
      for _, message in ipairs(numbers(3)) do assert(group:send_message(message)) end
      for _ = 1, 3 do group._handle:fetch(0.1) end
      repeat assert(group:dispatch()) until #seen > 0
      assert.same({ "1" }, seen)
    end)
    assert.same(numbers(3), seen)
  end)

  it("ends who polls it when another coroutine deactivates it", function()
    local group = groups.joined()
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

  it("ends who polls it when another coroutine sees its leaving through", function()
    local group = groups.joined()
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

  it("keeps its descriptor from one activation to the next", function()
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

  it("joins again while it is polled", function()
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

  it("that is not active ends a poll, and says so", function()
    local group = new()
    local early, code
    run(function()
      early = cqueues.poll(group, SOON)
      code = select(3, group:dispatch())
    end)
    assert.equal(group, early)
    assert.equal("not_joined", code)
  end)

  it("shows events fetched before its descriptor was asked for", function()
    local group, seen = collector { x = leave }
    assert(group:activate())
    assert(group:send_message "x")
    assert(group._handle:fetch(SOON))
    run(function() serve(group) end)
    assert.same({ "x" }, seen)
  end)

  it("tells its views, in time", function()
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

  it("stands beside another whose handler deactivates it", function()
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

  it("is left alone by a fork of the process", function()
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

  it("does not hear of a connection that only a fork still has", function()
    local group = groups.joined()
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

describe("in a controller of cqueues, a daemon's death", function()
  local cluster

  before_each(function() cluster = assert(lab.start(1)) end)
  after_each(function() assert(cluster:stop()) end)

  local function start(...)
    local program = assert(cluster:run(1, { groups.interpreter, ... }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 10))
    assert.equal("ready", program.lines[1], table.concat(program.errors, "\n"))
    assert(cluster:kill(1))
    return program
  end

  it("is told, and a group comes back", function()
    local program = start "spec/support/polled.lua"
    assert(cluster:wait_for(function() return #program.lines == 3 end, 10))
    assert(cluster:restart(1))
    assert.equal(0, program:wait(10), table.concat(program.errors, "\n"))
    table.sort(program.lines)
    assert.same({ "dispatch\tnot_joined", "end", "group\thas gone", "group\tis back", "ready",
      "receive\tnot_connected\ttrue\t0" }, program.lines)
  end)

  it("is no reason to wait for a group that another coroutine has deactivated", function()
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
      print(controller:loop(5), controller:count()) ]])
    assert(program:write "\n")
    assert.equal(0, program:wait(10), table.concat(program.errors, "\n"))
    assert.same({ "ready", "true", "end", "true\t0" }, program.lines)
  end)
end)

describe("in a plain loop, a handle", function()
  after_each(handles.close_all)

  it("needs only wait and receive", function()
    local handle, seen = joined_handle(), {}
    for i = 1, 3 do send(handle, tostring(i)) end
    while #seen < 3 do
      assert(handle:wait(SOON), "nothing has come")
      local event, _, message = handle:receive()
      if event == "message" then seen[#seen + 1] = message end
    end
    assert.same(numbers(3), seen)
  end)
end)
