local process = require "corosync.lab.process"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local function later()
  local timer, over = uv.new_timer(), false
  timer:start(1, 0, function()
    timer:close()
    over = true
  end)
  assert(wait.until_true(function() return over end, 60))
end

local function in_coroutine(action)
  local ended
  coroutine.wrap(function()
    action()
    ended = true
  end)()
  assert.is_true(wait.until_true(function() return ended end, 60))
end

describe("wait.until_true", function()
  -- Longer than its turn, which begins in the loop's time and so is over at once.
  local function long_and_false()
    local from = uv.hrtime()
    repeat until uv.hrtime() - from > 30e6
    return false
  end

  it("times out although its condition is slow and the loop is idle", function()
    local signal = uv.new_signal()
    signal:start("sigusr2", function() end)
    local watch = assert(process.spawn({ "sh", "-c", "sleep 60; kill -s USR2 $PPID" }, {}))
    assert.is_false(wait.until_true(long_and_false, 0.2))
    assert.is_false(watch.exited)
    watch:kill "sigkill"
    assert(watch:wait(60))
    signal:close()
  end)

  it("times out although the loop's callbacks block it again and again", function()
    local timer = uv.new_timer()
    timer:start(1, 1, function() uv.sleep(1100) end)
    assert.is_false(wait.until_true(function() return false end, 1.2))
    timer:close()
  end)

  for name, call in pairs { ["plain code"] = function(action) action() end, ["a coroutine"] = in_coroutine } do
    it("does not count time in which the process was paused, in " .. name, function()
      call(function()
        local child = assert(process.spawn({ "sh", "-c",
          "kill -s STOP $PPID; sleep 4.5; kill -s CONT $PPID; sleep 0.5" }, {}))
        assert.equal(0, (assert(child:wait(4))))
      end)
    end)
  end
end)

describe("wait.call", function()
  it("lets an action wait, and returns whether it finished", function()
    in_coroutine(function() assert.is_true(wait.call(later)) end)
    assert.is_true(wait.call(later))
  end)

  for name, before in pairs { ["at once"] = function() end, ["after a wait"] = later } do
    it("catches errors raised " .. name .. ", with their place", function()
      local problem = {}
      local function fail()
        before()
        error(problem)
      end
      in_coroutine(function()
        local ok, caught, traceback = wait.call(fail)
        assert.is_false(ok)
        assert.equal(problem, caught)
        assert.matches("wait_spec%.lua:%d+", traceback)
      end)
    end)
  end

  it("can be nested", function()
    in_coroutine(function()
      assert.is_true(wait.call(function()
        local ok, caught = wait.call(function()
          later()
          error("inner", 0)
        end)
        assert.is_false(ok)
        assert.equal("inner", caught)
        later()
      end))
    end)
  end)
end)
