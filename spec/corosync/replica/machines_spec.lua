-- The machines of a replica, without a cluster.
local machines = require "corosync.replica.machines"

describe("the machines of a replica", function()
  it("ignore commands that name no machine", function()
    local all = machines.new { damaged = function(_, problem) error(problem, 0) end }
    assert.same({ true, true, true }, all:apply({ "", "x", "\0x" }, 1))
    assert.same({}, all.names)
  end)
end)
