-- The code in the guide to maps, locks and the like runs as it is written.
local guide = require "spec.helpers.guide"

describe("the guide to maps, locks, leaders, calls and periodic tasks", function()
  it("has code that runs and prints what it says", function()
    local code = table.concat(guide.blocks "docs/objects.md", "\n")
    guide.check("docs/objects.md", code)
    assert.equal(18, #guide.promised(code))
  end)
end)
