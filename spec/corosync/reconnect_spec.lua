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
