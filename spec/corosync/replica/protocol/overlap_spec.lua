-- Some members begin a generation while others, which were paused, still take part in the previous one. Random
-- schedules hardly ever contain these cases.
local directed = require "sim.directed"
local turns = require "sim.turns"

local RESTARTS = { { "claiming", "self.active and is_same_ring and not is_in", "false" } }
local PROMISES = { RESTARTS[1], { "generation_number", "return promised ~= nil and", "return false and" } }
local ACKNOWLEDGED = { { "messages", "claiming.on_ack(self, from, message)", "" } }
local STILL_TRUE = { { "claiming", " and own.standing == self.standing", "" } }
local STORED = { { "storing", ", ready = true", "" } }

local function stop(processes)
  for _, each in ipairs(processes) do
    each.process.stopped = true
  end
end

local function wake(run, processes)
  for _, each in ipairs(processes) do
    each.process.stopped = false
  end
  turns.advance(run, 0.1)
end

local function rejoin(run, processes)
  for _, each in ipairs(processes) do
    run.world:rejoin(each.process)
  end
end

-- Waits until two members are about to begin a generation. Returns their last messages ("ready"), which are held back.
local function hold_ready(run)
  local held = run:hold(function(message) return message.kind == "ready" end)
  run:wait_until(function()
    local last, previous = held[#held], held[#held - 1]
    return previous and last[2].digest == previous[2].digest
  end)
  return held
end

-- Four full members: one each on nodes 1 and 3, two on node 2. The member of node 3 and one of node 2 are paused, and
-- the other two claim. Calls `act` with the pair that claims and the pair that is paused.
local function with_two_processes(run, act)
  local first, second = { run.hosts[1], run.hosts[2] }, { run.hosts[3], run:add(2) }
  run:wait(3)
  assert(run:is_whole())
  stop(second)
  rejoin(run, first)
  act(run, first, second)
end

local function begin(run, first, second)
  run:wait_for_reply(run.checks:submit(first[1]))
  wake(run, second)
  run.checks:submit(second[1])
  run:run(second)
end

local function go_on(run, second)
  wake(run, second)
  local operation = run.checks:submit(second[1])
  run:run(second)
  assert.equal("ok", operation.code)
end

local function begin_late(run, first, second)
  local held = hold_ready(run)
  go_on(run, second)
  run:release(held)
  run:run(first)
  run.checks:submit(first[1])
  run:run(first)
end

local function claim_late(run, first, second)
  run:wait(2)
  local claims = run:hold(function(message) return message.kind == "claim" and #message.silent > 0 end)
  run:wait_until(function() return #claims == 2 end)
  run:hold(function(message) return message.kind == "snapshot" end)
  go_on(run, second)
  run:run(first)
  run:release(claims)
  run:run(first)
  run.checks:submit(first[1])
  run:run(first)
end

-- A member ends just after it has promised to begin a generation, and another process of its node joins.
local function end_after_promise(run)
  local one, two, three = run.hosts[1], run.hosts[2], run.hosts[3]
  stop { three }
  rejoin(run, { one, two })
  run:release(hold_ready(run))
  run.world:kill(two.process)
  run:run { one }
  assert.equal("ready", one.replica.status)
  local new = run:add(2)
  run:run { new }
  wake(run, { three })
  run.checks:submit(three)
  run:run { three, new }
end

-- Nodes 2 and 3 lose power and the numbers of their rings after the member of node 2 has promised to begin a
-- generation. Node 1 begins it.
local function lose_power_after_promise(run)
  local one = run.hosts[1]
  run:form({ 1, 2 }, { 3 })
  local held = hold_ready(run)
  for _ = 1, 3 do
    run.checks:submit(one)
  end
  run:release(held)
  run:run { one }
  run:lose_power { 2, 3 }
  run:add(2)
  run:form({ 1 }, { 2, 3 })
  run:wait_for_reply(run.checks:submit(run:add(3)))
end

describe("generations that overlap", function()
  it("do not both go on when a node has processes in each", function()
    assert.is_nil(directed.violation(nil, 3, false, with_two_processes, begin))
    assert.is_string(directed.violation(RESTARTS, 3, false, with_two_processes, begin))
  end)

  it("do not begin without commands that were confirmed after all members were ready", function()
    assert.is_nil(directed.violation(nil, 3, false, with_two_processes, begin_late))
    assert.is_string(directed.violation(ACKNOWLEDGED, 3, false, with_two_processes, begin_late))
  end)

  it("do not begin with claims to speak for a node that has another full process", function()
    assert.is_nil(directed.violation(nil, 3, false, with_two_processes, claim_late))
    assert.is_string(directed.violation(STILL_TRUE, 3, false, with_two_processes, claim_late))
  end)

  it("do not both go on when a member ends that has promised to begin one", function()
    for _, has_storage in ipairs { false, true } do
      assert.is_nil(directed.violation(nil, 3, has_storage, end_after_promise))
      assert.is_nil(directed.violation(RESTARTS, 3, has_storage, end_after_promise))
      assert.is_string(directed.violation(PROMISES, 3, has_storage, end_after_promise))
    end
  end)

  it("have different numbers when a promise is in storage and the rings' numbers are lost", function()
    assert.is_nil(directed.violation(nil, 3, true, lose_power_after_promise))
    assert.is_string(directed.violation(STORED, 3, true, lose_power_after_promise))
  end)
end)
