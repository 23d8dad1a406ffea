-- A run under random faults in which Corosync's daemons form no ring by themselves.
local start_join_storm = require "soak.start_join_storm"
local lab = require "corosync.lab"
local join_storm = require "cpgrun.check.join_storm"

describe("a storm of join requests #slow", function()
  it("is detected among healthy daemons and ended", function()
    local cluster = assert(lab.start(6))
    assert.is_false(join_storm.is_on(cluster))
    start_join_storm(cluster)
    assert.is_true(join_storm.is_on(cluster))
    assert(join_storm.stop(cluster))
    assert(cluster:wait_members({ 1, 2, 4, 5 }, 60))
    assert.is_false(join_storm.is_on(cluster))
    assert(cluster:stop())
  end)
end)
