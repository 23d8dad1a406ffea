local program = require "spec.helpers.program"

local line = program.line

describe("cpgrun --lab #slow", function()
  after_each(program.clean)

  it("examples/feature_flags tells all nodes each change, and a node that was cut off the last one", function()
    local it = program.start("cpgrun", "--lab", "3", "examples/feature_flags.lua")
    for node = 1, 3 do
      program.complaint(it, ("^%d| .*joined"):format(node))
    end
    it:write "1: dark_mode on\n"
    for node = 1, 3 do
      line(it, ("^%d| dark_mode is on$"):format(node))
    end
    it:write "partition({1,2},{3})\n1: beta on\n"
    for node = 1, 2 do
      line(it, ("^%d| beta is on$"):format(node))
    end
    it:write "2: dark_mode off\n"
    for node = 1, 2 do
      line(it, ("^%d| dark_mode is off$"):format(node))
    end
    it:write "heal()\n"
    line(it, "^3| beta is on$")
    line(it, "^3| dark_mode is off$")
    local told = {}
    for _, text in ipairs(it.lines) do
      told[#told + 1] = text:match "^3| (%S+ is %S+)$"
    end
    assert.same({ "dark_mode is on", "beta is on", "dark_mode is off" }, told)
  end)

  it("examples/feature_flags says why a flag is not set where Corosync has gone", function()
    local it = program.start("cpgrun", "--lab", "3", "examples/feature_flags.lua")
    program.complaint(it, "^1| .*joined")
    it:write "kill(1)\n"
    program.complaint(it, "^1| .*reconnecting$")
    it:write "1: dark_mode on\n"
    line(it, "^1| cannot set key 'dark_mode' of map 'flags' of replica 'feature_flags': ")
  end)
end)
