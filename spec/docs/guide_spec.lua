-- The code in the guide to scripts is the code that other specs run.
local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

describe("the guide to scripts", function()
  it("contains the code of the examples unchanged", function()
    local sources = read "examples/leader.lua" .. read "examples/counter.lua" .. read "examples/service_address.lua"
    for guide, blocks in pairs { ["docs/scripts.md"] = 3, ["docs/checking.md"] = 1 } do
      local shown = 0
      for code in read(guide):gmatch "\n```lua\n(.-)```\n" do
        assert(sources:find(code, 1, true), guide .. ": no longer in an example:\n" .. code)
        shown = shown + 1
      end
      assert.equal(blocks, shown)
    end
  end)
end)
