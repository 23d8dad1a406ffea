-- A process comes back with an old state. Random schedules seldom contain these cases.
local directed = require "sim.directed"

local NO_NOTE = { { "protocol", "  standing.on_note(self, view.noted)\n", "" } }
-- What other processes of the node have promised does not count.
local OWN_PROMISE = { { "claiming", "promised = latest_promise(self)", "promised = self.promised" } }
-- A new generation is later than all noted ones. This would hide the fault, so it is removed, too.
local NOT_FOLLOWED = { { "claim_list", "    known[#known + 1] = generation_number.parse(claim.noted)\n", "" } }
local OLD_START = {
  NOT_FOLLOWED[1], OWN_PROMISE[1],
  { "claims", "if decision.is_fresh or decision.is_doubtful then", "if decision.is_fresh then" },
}

local function confirm(run, host)
  run:wait_for_reply(run.checks:submit(host))
end

-- While the old process of node 1 is paused and node 3 is cut off, another process of node 1 confirms commands with
-- node 2, and ends. Then nodes 1 and 3 meet without node 2.
local function go_on_without_newest(run, restarts_corosync)
  local old, new = run.hosts[1], run:add(1)
  run:wait(3)
  assert(run:is_whole())
  old.process.stopped = true
  run:form({ 1, 2 }, { 3 })
  confirm(run, new)
  run:kill(new)
  if restarts_corosync then
    run.world:lose_corosync { true }
  end
  old.process.stopped = false
  run.world:rejoin(old.process)
  run:form({ 1, 3 }, { 2 })
  run.checks:submit(run.hosts[3])
  run:wait(20)
end

-- The first two members leave, and two others start afresh. One of these dies, and the other one leaves. One of the
-- first members comes back with its state, and continues from it together with an empty process. Then the member that
-- has the later start comes back.
local function start_twice(run)
  local first, second = run.hosts[1], run.hosts[2]
  run.world:leave(first.process)
  run.world:leave(second.process)
  local third, fourth = run:add(1), run:add(2)
  confirm(run, third)
  run:kill(third)
  run.world:leave(fourth.process)
  run.world:join(second.process)
  run:add(1)
  confirm(run, second)
  run.world:join(fourth.process)
  run:form({ 1 }, { 2 })
  run:form { 1, 2 }
  run:wait(20)
end

-- Nodes 1 and 3 have the newest state. Then node 1 begins a generation with a process of node 2, which gets no state.
-- All Corosyncs restart with low ring numbers, and another process of node 2 confirms commands with node 3.
local function promise_and_go(run)
  local first, third, other = run.hosts[1], run.hosts[3], run:add(2)
  run:wait(3)
  assert(run:is_whole())
  run.world:leave(other.process)
  run:form({ 1, 3 }, { 2 })
  confirm(run, first)
  run:hold(function(message) return message.kind == "snapshot" end)
  run:form({ 1, 2 }, { 3 })
  run:wait_until(function() return first.replica.status == "ready" end)
  run.checks:submit(first)
  run:wait(1)
  run.world:leave(run.hosts[2].process)
  for id = 1, 3 do
    run.world.nodes[id].seq = 0
  end
  run.world:lose_corosync { true, true, true }
  run:release {}
  run.world:join(third.process)
  run.world:join(other.process)
  run:form({ 1 }, { 2, 3 })
  confirm(run, third)
end

describe("an old process", function()
  it("does not speak for its node when a later one has ended", function()
    assert.is_nil(directed.violation(nil, 3, false, go_on_without_newest, false))
    assert.is_string(directed.violation(NO_NOTE, 3, false, go_on_without_newest, false))
  end)

  it("does not speak for its node when Corosync has restarted, too", function()
    assert.is_nil(directed.violation(nil, 3, false, go_on_without_newest, true))
    assert.is_string(directed.violation(NO_NOTE, 3, false, go_on_without_newest, true))
  end)

  it("continues from a later generation than another process of its node has promised", function()
    assert.is_nil(directed.violation(nil, 3, false, promise_and_go))
    assert.is_string(directed.violation(OWN_PROMISE, 3, false, promise_and_go))
  end)

  it("with a state of a later fresh start does not undo what was confirmed after a doubtful one", function()
    assert.is_nil(directed.violation(nil, 2, false, start_twice))
    assert.is_nil(directed.violation(NOT_FOLLOWED, 2, false, start_twice))
    assert.is_string(directed.violation(OLD_START, 2, false, start_twice))
  end)
end)
