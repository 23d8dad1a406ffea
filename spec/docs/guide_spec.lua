-- The code in README and in the guide to scripts is the code of examples, which other specs run.
local guide = require "spec.helpers.guide"

local EXAMPLES = { "feature_flags", "lock", "leader", "service_address" }

local function sources()
  local texts = {}
  for i, name in ipairs(EXAMPLES) do
    texts[i] = guide.read(("examples/%s.lua"):format(name))
  end
  return table.concat(texts, "\n")
end

describe("README", function()
  it("begins with an example unchanged", function()
    local first = guide.blocks "README.md"[1]
    assert(sources():find(first, 1, true), "no longer in an example:\n" .. first)
  end)
end)

describe("the guides to scripts and to checking", function()
  it("contain the code of the examples unchanged", function()
    local all = sources()
    for path, count in pairs { ["docs/scripts.md"] = 4, ["docs/checking.md"] = 1 } do
      local blocks = guide.blocks(path)
      for _, code in ipairs(blocks) do
        assert(all:find(code, 1, true), path .. ": no longer in an example:\n" .. code)
      end
      assert.equal(count, #blocks)
    end
  end)
end)
