-- The pauses between tries to reach Corosync.
local reconnect = require "corosync.reconnect"

describe("backoff", function()
  it("grows up to a limit", function()
    for seed = 1, 100 do
      for tries = 0, 100 do
        local seconds, longest = reconnect.pause(tries, seed), math.min(0.1 * 2 ^ tries, 5)
        assert.is_true(seconds >= longest / 2 and seconds <= longest, seconds)
      end
    end
  end)

  it("differs between processes and between attempts", function()
    local seen, count = {}, 0
    for seed = 1000, 1099 do
      for tries = 10, 19 do
        local seconds = reconnect.pause(tries, seed)
        count = count + (seen[seconds] and 0 or 1)
        seen[seconds] = true
      end
    end
    assert.equal(1000, count)
  end)
end)

describe("a try to reconnect", function()
  local function fails(message, code) return function() return nil, message, code end end

  it("is due after the pause, and pauses grow with each failure", function()
    local retry, longest = reconnect.new(1), 0
    for _ = 1, 10 do
      reconnect.try(retry, fails("no", "not_connected"))
      longest = math.max(longest, reconnect.left(retry))
    end
    assert.is_true(longest > 2 and longest <= 5, longest)
  end)

  it("that raises is not the last", function()
    local retry = reconnect.new(1)
    local ok, message, _, is_news = reconnect.try(retry, error, "not enough memory", 0)
    assert.is_nil(ok)
    assert.equal("not enough memory", message)
    assert.is_true(is_news)
    assert.is_true(reconnect.left(retry) > 0)
  end)

  it("reports a cause once, then reminds of it, and never of Corosync's absence", function()
    local retry = reconnect.new(1)
    local function is_news(message, code) return (select(4, reconnect.try(retry, fails(message, code)))) end
    assert.is_false(is_news("away", "not_connected"))
    assert.is_true(is_news("no descriptor here", "no_resources"))
    assert.is_false(is_news("no descriptor there", "no_resources"))
    assert.is_true(is_news("no right", "access"))
    retry.remind = 0
    assert.is_true(is_news("no right", "access"))
    assert.is_true(reconnect.try(retry, function() return true end))
    assert.is_true(is_news("no right", "access"))
  end)
end)
