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
    local shown = 0
    for code in read("docs/scripts.md"):gmatch "\n```lua\n(.-)```\n" do
      assert(sources:find(code, 1, true), "no longer in an example:\n" .. code)
      shown = shown + 1
    end
    assert.equal(4, shown)
  end)
end)
