-- The pieces of Lua in a page of the documentation: together they are a program that makes a replica `app`.
local assert = require "luassert"
local corosync_loop = require "corosync.loop"
local files = require "spec.helpers.files"

local compile = loadstring or load -- luacheck: ignore 113

local guide = {}

-- The pieces, in their order.
function guide.blocks(path)
  local found = {}
  for code in files.read(path):gmatch "\n```lua\n(.-)```\n" do
    found[#found + 1] = code
  end
  return found
end

-- What the program prints: a line each.
local function run(path, code)
  local lines = {}
  local function note(...)
    local words = {}
    for i = 1, select("#", ...) do
      words[i] = tostring((select(i, ...)))
    end
    lines[#lines + 1] = table.concat(words, " ")
  end
  local chunk = assert(compile("local print, done = ...\n" .. code .. "\ndone(app)", "=" .. path))
  local app
  chunk(note, function(made) app = made end)
  assert(app:close())
  corosync_loop.run()
  return lines
end

-- What comments in the code say that a line prints.
function guide.promised(code)
  local results = {}
  for line in code:gmatch "[^\n]+" do
    results[#results + 1] = line:match "print.- %-%- ([^:]+)"
  end
  return results
end

-- Runs the program. What the comments promise must be printed in this order.
function guide.check(path, code)
  local lines = run(path, code)
  local at = 1
  for _, result in ipairs(guide.promised(code)) do
    while lines[at] and lines[at] ~= result do
      at = at + 1
    end
    assert(lines[at], ("'%s' is not printed in its place:\n%s"):format(result, table.concat(lines, "\n")))
    at = at + 1
  end
end

return guide
