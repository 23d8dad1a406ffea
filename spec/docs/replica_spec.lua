-- The code in the guide to replicas runs as it is written.
local files = require "spec.helpers.files"
local guide = require "spec.helpers.guide"

describe("the guide to replicas", function()
  it("begins with the example unchanged, which has at most 15 lines", function()
    local source, code = files.read "examples/counter.lua", guide.blocks("docs/replica.md")[1]
    assert(source:find(code, 1, true), "no longer in the example")
    assert.is_true(select(2, code:gsub("\n", "")) <= 15)
  end)

  it("has code that runs and prints what it says", function()
    local code = table.concat(guide.blocks "docs/replica.md", "\n", 2)
    guide.check("docs/replica.md", code)
    assert.equal(9, #guide.promised(code))
  end)
end)
