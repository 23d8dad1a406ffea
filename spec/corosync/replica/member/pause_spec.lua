-- A member that has left its group until its notes or its storage work again.
local controllers = require "spec.helpers.controllers"
local core = require "corosync.binding"
local corosync_loop = require "corosync.loop"
local cqueues = require "cqueues"
local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"
local replicas = require "spec.helpers.replicas"

describe("a replica that has left its group for a while", function()
  local create = core.create_file
  local list, app

  local function away(options)
    options.timeout, options.error = 0.5, function() end
    core.create_file = function() return nil, "cannot create it: No space left on device", "io_error" end
    list, app = replicas.listed(options)
    assert(replicas.eventually(function() return replicas.member(app).record.state == "idle" end))
  end

  local function back()
    core.create_file = create
  end

  after_each(function()
    back()
    replicas.clean()
  end)

  for _, has_loop in ipairs { true, false } do
    it("ends a submit in plain code by its timeout, with loop = " .. tostring(has_loop), function()
      away { loop = has_loop }
      local result, message, code = list:submit "a"
      assert.is_nil(result)
      assert.equal("not_ready", code)
      assert.matches("the command was not sent: cannot create it: No space left on device", message)
      back()
      assert.is_true(replicas.eventually(function() return replicas.is_ready(app) end))
      assert.equal(1, list:submit "b")
    end)
  end

  it("waits before each return, longer and longer, if it fails again soon after", function()
    local calls, returned = 0, {}
    core.create_file = function(...)
      calls = calls + 1
      if calls % 2 == 1 then -- when it has joined; the test before the next return succeeds
        return nil, "cannot create it: No space left on device", "io_error"
      end
      return create(...)
    end
    list, app = replicas.listed { error = function(message)
      if message:find "again$" then table.insert(returned, core.now()) end
    end }
    assert.is_true(replicas.eventually(function() return #returned == 3 end))
    assert.is_true(returned[2] - returned[1] >= 1)
    assert.is_true(returned[3] - returned[2] >= 2)
    back()
    assert.is_true(replicas.eventually(function() return replicas.is_ready(app) end))
  end)

  it("keeps corosync.loop running until it is back", function()
    away {}
    local ticks = 0
    assert.is_true(corosync_loop.run_until(function()
      ticks = ticks + 1
      if ticks > 1 then back() end
      return replicas.is_ready(app)
    end))
  end)

  it("lets corosync.loop end when it is closed", function()
    away {}
    assert.is_true(app:close())
    assert.is_false(corosync_loop.run_until(function() return false end))
  end)

  it("can be dispatched, and has a descriptor, with loop = false", function()
    away { loop = false }
    assert.same({ 0, false }, { app:dispatch(100) })
    assert.is_number(app:fd())
    assert.is_true(app:timeout() <= 0.25)
    assert.is_true(app:close())
    assert.equal("not_joined", select(3, app:fd()))
    assert.equal("not_joined", select(3, app:dispatch(100)))
  end)

  it("lets a controller of cqueues sleep, and comes back", function()
    away { loop = false }
    local rounds, result = 0, nil
    controllers.run(function()
      while app:dispatch() do
        rounds = rounds + 1
        cqueues.poll(app)
      end
    end, function()
      list:submit "a"
      assert.is_true(rounds < 50) -- 0.5 s
      back()
      repeat result = list:submit "b" until result
      assert(app:close())
    end)
    assert.equal(1, result)
  end)

  it("sleeps although the ring changes after it was asked for its address #slow", function()
    local cluster = assert(lab.start { nodes = 2, token = 500 })
    finally(function() assert(cluster:stop()) end)
    local clients = {}
    for node = 1, 2 do
      clients[node] = assert(cluster:run(node, { groups.interpreter, "spec/helpers/clients/paused_replica.lua", "x" },
        { host = true }))
    end
    assert(cluster:wait_for(function() return clients[1].lines[1] and clients[2].lines[1] end, 60, "both have left"))
    assert(cluster:kill(2))
    assert(clients[1]:wait(60))
    local code, rounds = (clients[1].lines[2] or ""):match "^(%S+)%s+(%d+)$"
    assert.equal("not_ready", code, table.concat(clients[1].errors, "\n"))
    assert.is_true(tonumber(rounds) < 200) -- 2 s
  end)
end)
