-- The code in the guide to replicas runs as it is written.
local corosync_loop = require "corosync.loop"

local compile = loadstring or load -- luacheck: ignore 113

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function blocks()
  local found = {}
  for code in read("docs/replica.md"):gmatch "\n```lua\n(.-)```\n" do
    found[#found + 1] = code
  end
  return found
end

-- What the pieces print: a line each.
local function run(code)
  local lines = {}
  local function note(...)
    local words = {}
    for i = 1, select("#", ...) do
      words[i] = tostring((select(i, ...)))
    end
    lines[#lines + 1] = table.concat(words, " ")
  end
  local chunk = assert(compile("local print, done = ...\n" .. code .. "\ndone(app)", "=docs/replica.md"))
  local app
  chunk(note, function(made) app = made end)
  assert(app:close())
  corosync_loop.run()
  return lines
end

-- What comments in the code say that a line prints.
local function promised(code)
  local results = {}
  for result in code:gmatch "print%b() %-%- ([^:\n]+)" do
    results[#results + 1] = result
  end
  return results
end

describe("the guide to replicas", function()
  it("begins with the example unchanged", function()
    local source = read "examples/counter.lua"
    assert(source:find(blocks()[1], 1, true), "no longer in the example")
  end)

  it("has code that runs and prints what it says", function()
    local pieces = blocks()
    local code = table.concat(pieces, "\n", 2)
    local lines = run(code)
    local at = 1
    for _, result in ipairs(promised(code)) do
      while lines[at] and lines[at] ~= result do
        at = at + 1
      end
      assert(lines[at], ("'%s' is not printed in its place:\n%s"):format(result, table.concat(lines, "\n")))
      at = at + 1
    end
    assert.equal(10, #promised(code))
  end)
end)
