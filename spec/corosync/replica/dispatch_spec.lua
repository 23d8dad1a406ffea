-- Replicas without corosync.loop.
local cqueues = require "cqueues"
local controllers = require "spec.helpers.controllers"
local core = require "corosync.binding"
local groups = require "spec.helpers.groups"
local replica = require "corosync.replica"
local replicas = require "spec.helpers.replicas"

describe("a replica with loop = false", function()
  after_each(replicas.clean)

  it("can be made anew right after it was closed", function()
    local name = replicas.name()
    for _, has_loop in ipairs { false, true } do
      local app = assert(replicas.new({ loop = has_loop }, name))
      assert.is_true(app:barrier())
      assert(app:close())
    end
  end)

  for _, has_loop in ipairs { false, true } do
    it("cannot be made anew in its own callback, with loop = " .. tostring(has_loop), function()
      local name = replicas.name()
      local app, again = replicas.new({ loop = has_loop }, name), nil
      assert(app:barrier(function()
        assert(app:close())
        again = { replica(name, { loop = has_loop }) }
      end))
      assert(replicas.eventually(function() return again end))
      assert.is_nil(again[1])
      assert.equal("dispatching", again[3])
      assert.matches("one of its functions is running: return from it first", again[2])
      assert(replicas.new({ loop = has_loop }, name))
    end)
  end

  it("can be made anew right after it was closed because of an error", function()
    local name = replicas.name()
    local list = replicas.list(replicas.new({ loop = false, error = function() end }, name), "list", {
      apply = function() error "refused" end,
      snapshot = function() return "" end,
      restore = function() error "no way back" end,
    })
    assert.equal("applied", select(3, list:submit "a"))
    assert.is_true(replicas.new({ loop = false }, name):barrier())
  end)

  -- A tick of a game has little time, and must not wait.
  it("works by dispatch(budget) in each tick of a game", function()
    local list, app = replicas.listed { loop = false }
    local results, ticks = {}, 0
    assert(replicas.eventually(function()
      assert(app:dispatch(5))
      ticks = ticks + 1
      if #results < 20 then
        list:submit(tostring(ticks), function(result) results[#results + 1] = result end)
      end
      return #results >= 20
    end))
    for i = 1, 20 do assert.equal(i, results[i]) end
  end)

  it("has a descriptor and a timeout to wait with", function()
    local list, app = replicas.listed { loop = false }
    local result
    list:submit("x", function(...) result = { ... } end)
    local deadline = core.now() + 20
    while not result and core.now() < deadline do
      assert.is_number(app:fd())
      assert.is_true(app:timeout() >= 0)
      local handled = assert(app:dispatch())
      if handled == 0 and not result then
        cqueues.poll({ pollfd = app:fd(), events = "r", timeout = app:timeout() }, app:timeout())
      end
    end
    assert.same({ 1 }, result)
  end)

  it("has a timeout that lets a loop wait while it leaves, and after that", function()
    local _, app = replicas.listed { loop = false }
    replicas.ready(app)
    assert(app:close())
    local turns, fd = 0, app:fd()
    while fd do
      turns = turns + 1
      cqueues.poll({ pollfd = fd, events = "r", timeout = app:timeout() }, app:timeout())
      app:dispatch()
      fd = app:fd()
    end
    assert.is_true(turns < 20, turns)
    assert.is_true(app:timeout() > 0)
    cqueues.sleep(0.3) -- longer than a tick
    assert.is_true(app:timeout() > 0)
  end)

  it("waits in plain code, too", function()
    local list, app = replicas.listed { loop = false }
    assert.equal(1, list:submit "x")
    assert.is_true(app:barrier())
  end)

  it("does not dispatch in its own functions", function()
    local list, app
    local code
    list, app = replicas.listed({ loop = false }, { changed = function() code = select(3, app:dispatch()) end })
    assert.equal(1, list:submit "x")
    assert.equal("dispatching", code)
  end)

  it("says that it is closed once it has left", function()
    local list, app = replicas.listed { loop = false }
    assert.equal(1, list:submit "x")
    assert.is_true(app:close())
    local message, code
    assert(replicas.eventually(function()
      message, code = select(2, app:dispatch())
      return code ~= nil
    end))
    assert.equal("not_joined", code)
    assert.matches("^cannot handle events of replica '.*': it was closed: make a new one$", message)
    message, code = select(2, app:fd())
    assert.equal("not_joined", code)
    assert.matches("^cannot wait for replica '.*': it was closed: make a new one$", message)
  end)
end)

-- luv crashed, because its loop had not completed the close of a timer.
it("a program that closes a replica outside of the loop can end", function()
  local program = groups.spawn { groups.interpreter, "-e", ([[
    local loop, replica = require "corosync.loop", require "corosync.replica"
    local app = assert(replica(%q))
    loop.run_until(function() return app:status() == "ready" end)
    print(app:close())]]):format(replicas.name()) }
  assert.equal(0, (assert(program:wait(60))))
  assert.same({ "true" }, program.lines)
end)

describe("a replica in a cqueues controller", function()
  after_each(replicas.clean)

  local function serve(app)
    while app:dispatch() do
      cqueues.poll(app)
    end
  end

  it("is served in one coroutine, and others submit", function()
    local EACH = 50
    local list, app = replicas.listed { loop = false }
    local left = 3
    local function submitter(name)
      return function()
        for i = 1, EACH do
          assert(list:submit(name .. i))
        end
        left = left - 1
        if left == 0 then assert(app:close()) end
      end
    end
    controllers.run(function() serve(app) end, submitter "a", submitter "b", submitter "c")
    assert.equal(3 * EACH, #list.state)
    local last = { a = 0, b = 0, c = 0 }
    for _, command in ipairs(list.state) do
      local name, number = command:match "^(%a)(%d+)$"
      assert.equal(last[name] + 1, tonumber(number))
      last[name] = tonumber(number)
    end
  end)

  it("refuses to wait in its own functions, which the serving coroutine calls", function()
    local list, app, outcome
    list, app = replicas.listed({ loop = false }, { changed = function(_, command)
      if command == "x" then
        outcome = { list:submit "never" }
        cqueues.running():wrap(function()
          assert.equal(2, list:submit "later")
          assert(app:close())
        end)
      end
    end })
    controllers.run(function() serve(app) end, function() assert.equal(1, list:submit "x") end)
    assert.equal("dispatching", outcome[3])
    assert.same({ "x", "later" }, list.state)
  end)

  it("waits in coroutines inside those of the controller, too", function()
    local list, app
    local results, problems = {}, {}
    local function submit(command)
      table.insert(results, (list:submit(command)))
      table.insert(results, (list:submit(command)))
    end
    list, app = replicas.listed({ loop = false, error = function(problem) table.insert(problems, problem) end },
      { changed = function(_, command)
        if command == "x" then
          coroutine.wrap(submit) "in changed"
        end
      end })
    controllers.run(function() serve(app) end, function()
      assert.equal(1, list:submit "x")
      while #results < 2 do cqueues.sleep(0.01) end
      coroutine.wrap(submit) "in coroutine.wrap"
      while #results < 4 do cqueues.sleep(0.01) end
      require("cqueues.auxlib").wrap(submit) "in auxlib.wrap"
      assert(app:close())
    end)
    assert.same({ 2, 3, 4, 5, 6, 7 }, results)
    assert.same({}, problems)
  end)

  for how, drop in pairs { closed = function(controller) controller:close() end, collected = function() end } do
    it("does not wake threads of a controller that was " .. how .. ", and gives them no lock", function()
      local list, app = replicas.listed { loop = false }
      local woken = {}
      local function drop_threads()
        local controller = cqueues.new()
        controller:wrap(function() list:submit "x" woken[1] = "submit" end)
        controller:wrap(function() app:lock "x":acquire() woken[2] = "acquire" end)
        assert(controller:step(0))
        drop(controller)
      end
      replicas.ready(app)
      drop_threads()
      collectgarbage()
      collectgarbage()
      controllers.run(function() serve(app) end, function()
        assert.is_truthy(app:lock("x"):acquire { timeout = 30 })
        assert.is_true(app:barrier())
        assert.same({ "x" }, list.state)
        assert(app:close())
      end)
      assert.same({}, woken)
    end)
  end

  it("starts functions that may wait in their order, as coroutines of the controller", function()
    local list, app = replicas.listed { loop = false }
    local events, ended, ticks = {}, 0, 0
    local function note(event)
      events[#events + 1] = event
      cqueues.sleep(0.01)
      list:submit(event)
      ended = ended + 1
    end
    local leader = app:leader("x", { elected = function() note "elected" end, deposed = note })
    app:every("x", 1, function()
      cqueues.sleep(0.01)
      assert(app:map("ticks"):increment("x"))
      ticks = ticks + 1
    end)
    controllers.run(function() serve(app) end, function()
      while ended < 1 or ticks < 1 do cqueues.sleep(0.01) end
      local waits = app:lock("leader/x")
      assert.equal("held", select(3, waits:acquire()))
      assert(leader:resign())
      while ended < 3 do cqueues.sleep(0.01) end
      assert(app:close())
    end)
    assert.same({ "elected", "resigned", "elected", "closed" }, events)
    assert.is_true(ticks >= 1)
  end)

  it("reports errors of such functions", function()
    local problems = {}
    local _, app = replicas.listed { loop = false, error = function(message) problems[#problems + 1] = message end }
    app:leader("x", { elected = function()
      cqueues.sleep(0.01)
      error "a bad leader"
    end })
    controllers.run(function() serve(app) end, function()
      while #problems == 0 do cqueues.sleep(0.01) end
      assert(app:close())
    end)
    assert.matches("a bad leader", problems[1])
  end)

  it("notices the end of a submit's time without events", function()
    local list, app = replicas.listed { loop = false, timeout = 0.3 }
    controllers.run(function() serve(app) end, function()
      repeat until list:submit "x"
      local machine_of_nobody = app
      assert.is_true(machine_of_nobody:barrier())
      assert(app:close())
    end)
  end)
end)
