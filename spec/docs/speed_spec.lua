-- docs/speed.md has the tables that bench/replica/ prints, with the same titles and heads.
local files = require "spec.helpers.files"
local uv = require "luv"

describe("docs/speed.md", function()
  it("has the titles, heads and rows of make bench-replica", function()
    local program, page, count = "", files.read "docs/speed.md", 0
    for name in uv.fs_scandir_next, assert(uv.fs_scandir "bench/replica") do
      program = program .. files.read("bench/replica/" .. name)
    end
    local function has(pattern, line)
      for found in program:gmatch(pattern) do
        count = count + 1
        assert.truthy(page:find(line:format(found), 1, true), found)
      end
    end
    has('print_title "(.-)"\n', "\n**%s**\n\n")
    has('print_time_head "(.-)"\n', "\n**%s**\n\n")
    has('print "(| [^\n]- |)"\n', "\n%s\n")
    has('print_time%(lua.name .. "(, .-)"', "\n| Lua 5.4%s | ")
    assert.equal(16, count)
  end)
end)
