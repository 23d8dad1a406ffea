-- The code in README and in the guide to scripts is the code of examples, which other specs run.
local files = require "spec.helpers.files"
local guide = require "spec.helpers.guide"
local program = require "spec.helpers.program"

local EXAMPLES = { "feature_flags", "lock", "leader", "service_address" }

local function sources()
  local texts = {}
  for i, name in ipairs(EXAMPLES) do
    texts[i] = files.read(("examples/%s.lua"):format(name))
  end
  return table.concat(texts, "\n")
end

describe("README", function()
  it("begins with an example unchanged", function()
    local first = guide.blocks "README.md"[1]
    assert(sources():find(first, 1, true), "no longer in an example:\n" .. first)
  end)
end)

-- The pieces of a page that are in examples, and the others.
local function pieces(path)
  local all, known, others = sources(), {}, {}
  for _, code in ipairs(guide.blocks(path)) do
    table.insert(all:find(code, 1, true) and known or others, code)
  end
  return known, others
end

describe("the guides to scripts and to checking", function()
  after_each(program.clean)
  teardown(program.remove)

  it("contain the code of examples unchanged", function()
    for path, count in pairs { ["docs/scripts.md"] = 4, ["docs/checking.md"] = 1 } do
      assert.equal(count, #pieces(path))
    end
    local _, others = pieces "docs/checking.md"
    assert.same({}, others)
  end)

  it("have other pieces that run", function()
    local _, others = pieces "docs/scripts.md"
    assert.equal(3, #others)
    for i, code in ipairs(others) do
      local it = program.cpgrun("piece" .. i,
        ("function config_change() end\n%s\nafter(0.1, function() print 'up' end)"):format(code))
      program.line(it, "^up$")
      assert.not_matches("error", table.concat(it.errors, "\n"))
    end
  end)
end)
