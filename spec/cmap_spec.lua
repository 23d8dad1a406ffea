-- The userdata over libcmap on a daemon that a spec may stop: a lab of its own.
local lab = require "corosync.lab"

local LUA = os.getenv("LUA"):match "%S+$"

describe("a counter of times that Corosync was not scheduled", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)

  it("is read, and refused to be set without harm to the daemon", function()
    assert(cluster:pause(1))
    assert.is_falsy(cluster:wait_for(function() return false end, 2)) -- it notes more than 0.8 s
    assert(cluster:resume(1))
    assert(cluster:wait_for(function() return cluster:log(1):find "was not scheduled" end, 10))
    local code, out, err = assert(cluster:command(1, { LUA, "-e", [[
      local map = assert(require("corosync.cmap").open "stats")
      local KEY = "stats.schedmiss.0.delay"
      print(map:get(KEY) > 800, (select(3, map:set(KEY, 1))), map:get(KEY) > 800)]] }))
    assert.equal(0, code, err)
    assert.equal("true\taccess\ttrue\n", out)
  end)
end)
