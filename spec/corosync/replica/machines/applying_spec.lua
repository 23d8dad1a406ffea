-- `apply` and the like must not submit. Other code that runs while one of them waits may.
local applying = require "corosync.replica.machines.applying"

-- Returns a function that runs such a function in a coroutine: the first call up to its wait, the second to its end.
local function in_coroutine(inside)
  return coroutine.wrap(function()
    local before = applying.begin()
    if inside then
      inside()
    end
    coroutine.yield()
    applying.finish(before)
  end)
end

describe("A function that must not submit", function()
  it("is running for its coroutine, and for those that it resumes", function()
    local seen = {}
    local function look()
      seen[#seen + 1] = applying.is_running()
    end
    local go_on = in_coroutine(function()
      look()
      coroutine.wrap(look)()
    end)
    go_on()
    go_on()
    assert.same({ true, true }, seen)
  end)

  it("is running for coroutines if it runs outside of them", function()
    local before = applying.begin()
    local seen = { applying.is_running(), coroutine.wrap(applying.is_running)() }
    applying.finish(before)
    assert.same({ true, true }, seen)
    assert.is_false(applying.is_running())
  end)

  it("is not running for other code while it waits", function()
    local go_on = in_coroutine()
    go_on()
    assert.is_false(applying.is_running())
    assert.is_false(coroutine.wrap(applying.is_running)())
    go_on()
  end)

  it("ends for its own coroutine only, whichever ends first", function()
    local one, two = in_coroutine(), in_coroutine()
    for _, go_on in ipairs { one, two, one, two } do
      go_on()
    end
    assert.is_false(applying.is_running())
  end)

  it("is still running when another one that it has called ends", function()
    local before = applying.begin()
    assert.same({ true, true }, { applying.pcall(applying.is_running) })
    local is_running = applying.is_running()
    applying.finish(before)
    assert.is_true(is_running)
  end)
end)
