-- A replica that has lost its state begins afresh, once nothing can bring the state back.
local replica_bus = require "spec.helpers.replica_bus"

local new_bus, three_members = replica_bus.new, replica_bus.three_members

describe("a replica that has lost its state", function()
  it("does not start afresh with two empty processes where a state was confirmed", function()
    local bus = three_members()
    for _, address in ipairs { "1:10", "2:20", "3:30" } do
      bus:remove(address)
    end
    local one = bus:add "1:11"
    one.noted = "0.8.1.0"
    bus:add "2:21"
    bus:run()
    bus:wait(20)
    assert.equal("blocked blocked", bus:statuses())
    bus:add "3:31"
    bus:run()
    assert.equal("blocked blocked blocked", bus:statuses())
    bus:wait(20)
    assert.equal("ready ready ready", bus:statuses())
  end)

  it("begins afresh with all nodes while observers come and go", function()
    local bus = new_bus(1)
    bus:add("1:10").noted = "0.8.1.0"
    for i = 11, 20 do
      bus:add("1:" .. i, { observer = true })
      bus:run()
      bus:wait(2)
      bus:remove("1:" .. i)
    end
    assert.equal("ready", bus:statuses())
  end)

  it("begins afresh in the end while processes come and go", function()
    local bus = new_bus(1)
    bus:add("1:10").noted = "0.8.1.0"
    for i = 11, 25 do
      bus:add("1:" .. i)
      bus:run()
      bus:wait(1)
      bus:remove("1:" .. i)
      bus:wait(1)
    end
    assert.equal("ready", bus:statuses())
  end)

  for _, patience in ipairs { 1, 5 } do
    it("waits for a process that has left before it begins afresh, with a patience of " .. patience, function()
      local bus = new_bus(1)
      bus:add("1:10", { patience = patience, reconnect = 5.5 }).noted = "0.8.1.0"
      bus:add "1:11"
      bus:run()
      bus:wait(4)
      bus:remove "1:11"
      bus:wait(5)
      assert.equal("blocked", bus:statuses())
      bus:wait(1)
      assert.equal("ready", bus:statuses())
    end)
  end

  it("waits a little for a silent process that has left before it begins afresh", function()
    local bus = new_bus(1)
    bus:add("1:10").noted = "0.8.1.0"
    bus:add("1:11").stopped = true
    bus.queue = {}
    bus:wait(60)
    bus:remove "1:11"
    bus:wait(5)
    assert.equal("blocked", bus:statuses())
    bus:wait(1)
    assert.equal("ready", bus:statuses())
  end)

  it("waits a little before it begins afresh, whatever time it is when processes start", function()
    local bus = new_bus(1)
    bus.now = 1e9
    bus:add("1:10").noted = "0.8.1.0"
    bus:add "1:11"
    bus:run()
    bus:wait(4)
    assert.equal("blocked blocked", bus:statuses())
    bus:wait(2)
    assert.equal("ready ready", bus:statuses())
  end)
end)
