-- A member that has left its group until its notes or its storage work again.
local controllers = require "spec.helpers.controllers"
local core = require "corosync.binding"
local corosync_loop = require "corosync.loop"
local cqueues = require "cqueues"
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
end)
