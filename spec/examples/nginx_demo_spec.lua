local groups = require "spec.helpers.groups"
local process = require "corosync.lab.process"
local tools = require "corosync.lab.tools"
local wait = require "corosync.lab.wait"

describe("the demo of nginx #slow", function()
  it("changes values under load, kills a node, and finds no old value", function()
    local argv = { groups.interpreter, "examples/nginx/demo/run.lua", "1" }
    local demo = assert(process.spawn(argv, { env = tools.environment() }))
    assert.is_true(wait.until_true(function() return demo.exited end, 120))
    local said = table.concat(demo.lines, "\n")
    assert.equal(0, demo.code, said .. table.concat(demo.errors, "\n"))
    local loads, changes = 0, 0
    for rate, failed in said:gmatch "(%d+) reads a second, +%S+ %% from the cache, (%d+) failed" do
      loads = loads + 1
      assert.is_true(tonumber(rate) > 0, said)
      assert.equal("0", failed, said)
    end
    for count in said:gmatch "(%d+) changes, each then read on %d nodes: 0 old values" do
      changes = changes + count
    end
    assert.equal(8, loads, said)
    assert.is_true(changes >= 3, said)
  end)
end)
