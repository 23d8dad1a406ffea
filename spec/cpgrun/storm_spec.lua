-- What a run under random faults does when Corosync's daemons come to no ring by themselves.
local gather = require "soak.gathering"
local lab = require "corosync.lab"
local storm = require "cpgrun.storm"

describe("a storm of join requests #slow", function()
  it("is detected among healthy daemons and ended", function()
    local cluster = assert(lab.start(6))
    assert.is_false(storm.rages(cluster))
    gather(cluster)
    assert.is_true(storm.rages(cluster))
    assert(storm.calm(cluster))
    assert(cluster:wait_members({ 1, 2, 4, 5 }, 30))
    assert.is_false(storm.rages(cluster))
    assert(cluster:stop())
  end)
end)
