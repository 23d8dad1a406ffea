-- examples/jobs.lua: a queue of jobs.
local program = require "spec.helpers.program"

describe("cpgrun --lab #slow", function()
  after_each(program.clean)

  it("examples/jobs runs the jobs of a worker in the order in which they were added", function()
    local it = program.start("cpgrun", "--lab", "1", "examples/jobs.lua")
    program.complaint(it, "^1| .*joined")
    for i = 1, 12 do
      it:write(("1: job %d\n"):format(i))
    end
    program.line(it, "^1| ends   job 12$")
    local begun = {}
    for _, line in ipairs(it.lines) do
      begun[#begun + 1] = tonumber(line:match "begins job (%d+)")
    end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, begun)
  end)
end)
