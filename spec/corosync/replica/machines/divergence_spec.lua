local divergence = require "corosync.replica.machines.divergence"

-- A member with one machine. `count`: how often its digests were asked for.
local function member()
  local made = { count = 0, chain = { digest = 1, last = 7, at = { [7] = 1 } } }
  made.divergence = divergence.new {
    names = { "list" },
    by_name = { list = made },
    digests = function()
      made.count = made.count + 1
      return { list = { made.chain.last, made.chain.digest } }
    end,
  }
  return made
end

local FULL = { ["1:1"] = true, ["2:2"] = true }

-- Returns what each tick finds, false for nothing, while the last command stays that of `index`.
local function ticks(made, count, index)
  local found = {}
  for i = 1, count do
    found[i] = false
    if made.divergence:is_due(index) then
      made.divergence:news()
      found[i] = made.divergence:find("1:1", FULL) and true or false
    end
  end
  return found
end

describe("divergence", function()
  it("is rarely looked for while nothing changes, so that thousands of machines take no time", function()
    local made = member()
    ticks(made, 10, 7)
    made.count = 0
    ticks(made, 100, 7)
    assert.is_true(made.count > 0 and made.count <= 10)
  end)

  it("is looked for at once when commands were applied", function()
    local made = member()
    ticks(made, 30, 7)
    made.count = 0
    ticks(made, 1, 8)
    assert.is_true(made.count > 0)
  end)

  it("is found at once when another member's digests arrive", function()
    local made = member()
    ticks(made, 30, 7)
    made.divergence:take("2:2", { list = { 7, 2 } })
    assert.same({ true }, ticks(made, 1, 7))
  end)

  it("is found after a while in a machine that has not changed", function()
    local made = member()
    made.divergence:take("2:2", { list = { 7, 1 } })
    for _, found in ipairs(ticks(made, 30, 7)) do
      assert.is_false(found)
    end
    made.chain.at[7] = 2
    local count = 0
    for _, found in ipairs(ticks(made, 100, 7)) do
      count = count + (found and 1 or 0)
    end
    assert.is_true(count > 0 and count < 10)
  end)
end)
