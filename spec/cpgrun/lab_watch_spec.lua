local program = require "spec.helpers.program"
local uv = require "luv"

describe("cpgrun --lab --watch #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  it("reloads the scripts of all nodes when the file has changed", function()
    local function text(word) return ("function started() print '%s' end function config_change() end"):format(word) end
    local path = program.file("watched.lua", text "first")
    local it = program.start("cpgrun", "--lab", "1", "--watch", path)
    program.line(it, "^1| first$")
    assert(uv.fs_rename(program.file("new.lua", text "second"), path))
    program.line(it, "^1| second$")
  end)
end)
