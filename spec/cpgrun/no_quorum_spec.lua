local tools = require "corosync.lab.tools"
local process = require "corosync.lab.process"
local program = require "spec.helpers.program"

describe("cpgrun --no-quorum #slow", function()
  after_each(program.clean)

  it("runs a script in a lab without a quorum provider, shown by the status", function()
    local it = program.start("cpgrun", "--lab", "2", "--no-quorum", "examples/status.lua")
    program.line(it, "^1| .* cluster: no quorum provider$")
    program.line(it, "^2| .* totem: ring 1%.%x+, 2 nodes$")
    it:kill "sigterm"
    assert.equal(0, (it:wait(60)))
  end)

  it("checks a script under faults in such a lab", function()
    local it = assert(process.spawn({ "cpgrun", "check", "--no-quorum", "--seconds", "3", "examples/leader.lua" },
      { env = tools.environment() }))
    assert.equal(0, (it:wait(120)), table.concat(it.lines, "\n") .. table.concat(it.errors, "\n"))
  end)

  it("can be combined with --lab", function()
    local code, _, errors = program.run("cpgrun", "--no-quorum", "examples/leader.lua")
    assert.is_true(code ~= 0)
    assert.matches("--no-quorum requires --lab", errors, 1, true)
  end)
end)
