local claims = require "corosync.replica.protocol.claims"

local RING = { node = 1, seq = 40 }
local ALL = { "1:10", "2:20", "3:30" }

-- Returns the claim of a member in a cluster of three nodes. `state`: seq, round, epoch, index; nil for none. `more`:
-- other fields; `start` is that of the state.
local function claim(from, state, more)
  local made = { from = from, nonce = from .. "!", nodes = 3, floor = 0, standing = true, partial = false }
  made.members, made.on_ring = ALL, {}
  if state then
    made.generation = { start = more and more.start or 0, seq = state[1], round = state[2], epoch = state[3] }
    made.index, made.digest = state[4], state[5] or state[4]
  end
  for key, value in pairs(more or {}) do
    made[key] = value
  end
  return made
end

local function decide(...)
  return claims.decide({ ... }, RING)
end

describe("the claims of a replica's members", function()
  it("start afresh when a majority of nodes is here and none has ever had a state", function()
    local made = decide(claim("1:10", nil, { floor = 7 }), claim("2:20", nil, { members = { "1:10", "2:20" } }))
    assert.is_true(made.is_fresh)
    assert.same({ start = 7, seq = 40, round = 1, epoch = 0 }, made.generation)
    assert.equal(7, made.index)
    assert.same({ ["1:10"] = true, ["2:20"] = true }, made.full)
  end)

  it("do not start afresh with fewer nodes than a majority", function()
    local made, why = decide(claim("1:10", nil, { members = { "1:10" } }))
    assert.same({ nil, "members run on too few nodes: start them on a majority of the nodes" }, { made, why })
    made, why = decide(claim("1:10"))
    assert.same({ nil, "members reply on too few nodes; member 2:20 does not reply: continue or restart it" },
      { made, why })
    made, why = decide(claim("1:10", nil, { members = { "1:10", "2:20" }, nodes = 5 }))
    assert.same({ nil, "members reply on too few nodes: start them on a majority of the nodes; member 2:20 does not "
      .. "reply: continue or restart it" }, { made, why })
    assert.is_nil((decide(claim("1:10"), claim("1:11"))))
  end)

  it("do not start afresh without all nodes when a node has had a state", function()
    local here = { noted = "0.8.1.0", members = { "1:10", "2:20" } }
    local made, why = decide(claim("1:10", nil, here), claim("2:20", nil, here))
    assert.is_nil(made)
    assert.equal("the nodes here have lost the state, and another node may still have it: start Corosync on all nodes",
      why)
    made = decide(claim("1:10", nil, { noted = "0.8.1.0" }), claim("2:20"), claim("3:30"))
    assert.is_true(made.is_fresh)
    assert.is_true(made.is_last_resort)
  end)

  local ON_RING = { members = { "1:10", "2:20" }, on_ring = { "1", "2", "3" } }

  local function of_two(more, other)
    local function with(fields)
      local all = { noted = "0.8.1.0" }
      for _, each in ipairs { ON_RING, more, fields or {} } do
        for key, value in pairs(each) do
          all[key] = value
        end
      end
      return all
    end
    return decide(claim("1:10", nil, with()), claim("2:20", nil, with(other)))
  end

  it("start afresh after a loss when the nodes without members are on the ring", function()
    local made = of_two {}
    assert.is_true(made.is_fresh)
    assert.is_true(made.is_last_resort)
    assert.same({ ["1:10"] = true, ["2:20"] = true }, made.full)
    assert.is_nil((of_two({}, { on_ring = { "1", "2" } })))
    assert.is_nil((decide(claim("1:10", nil, { noted = "0.8.1.0", members = { "1:10" }, on_ring = ON_RING.on_ring }))))
  end)

  it("take the newest state when the nodes without members are on the ring", function()
    local made = decide(claim("1:10", { 8, 1, 0, 5 }, ON_RING), claim("2:20", nil, ON_RING))
    assert.is_true(made.is_doubtful)
    assert.same({ ["1:10"] = true }, made.full)
  end)

  it("wait for members on all nodes if a node may have stored a state", function()
    local why = "the nodes here have lost the state, and another node may still have it: start members on all nodes"
    for _, more in ipairs { { noted = "0.8.1.0s" }, { durable = true } } do
      assert.same({ nil, why }, { of_two(more) })
    end
    local made = decide(claim("1:10", nil, { noted = "0.8.1.0s" }), claim("2:20"), claim("3:30"))
    assert.is_true(made.generation.stored)
    assert.is_nil(decide(claim("1:10"), claim("2:20")).generation.stored)
  end)

  it("wait for a silent member of a node on the ring", function()
    local made, why = of_two { members = ALL }
    assert.is_nil(made)
    assert.equal("the nodes here have lost the state, and another node may still have it; member 3:30 does not "
      .. "reply: continue or restart it", why)
  end)

  it("do not count a node that has a silent member", function()
    local made = decide(claim("1:10", nil, { noted = "0.8.1.0" }), claim("2:20"),
      claim("3:30", nil, { members = { "1:10", "2:20", "3:30", "3:31" } }))
    assert.is_nil(made)
  end)

  it("choose the highest generation, then the highest epoch, then the highest index", function()
    local old, new = claim("1:10", { 8, 2, 9, 90 }), claim("2:20", { 12, 1, 0, 10 })
    assert.same({ ["2:20"] = true }, decide(old, new).full)
    assert.same({ ["1:10"] = "1:10!" }, decide(old, new).learners)
    old.generation = { start = 0, seq = 12, round = 1, epoch = 1 }
    assert.same({ ["1:10"] = true }, decide(old, new).full)
    new.generation = { start = 0, seq = 12, round = 1, epoch = 1 }
    assert.same({ ["1:10"] = true }, decide(old, new).full)
  end)

  it("make all members with the same commands full, and the lowest of those that differ", function()
    local same = decide(claim("1:10", { 8, 1, 0, 5 }), claim("2:20", { 8, 1, 0, 5 }), claim("3:30", { 8, 1, 0, 4 }))
    assert.same({ ["1:10"] = true, ["2:20"] = true }, same.full)
    local other = decide(claim("1:10", { 8, 1, 0, 5, 77 }), claim("2:20", { 8, 1, 0, 5 }))
    assert.same({ ["1:10"] = true }, other.full)
  end)

  it("need states on a majority of nodes, not of processes", function()
    local made, why = decide(claim("1:10", { 8, 1, 0, 5 }), claim("1:11", { 8, 1, 0, 5 }), claim("2:20"))
    assert.is_nil(made)
    assert.equal("too few nodes have a state; member 3:30 does not reply: continue or restart it", why)
  end)

  it("take the state of one node for the newest when a majority has noted no later generation", function()
    local state = claim("1:10", { 8, 1, 2, 5 })
    local function with(noted, more)
      local all = { noted = noted, members = { "1:10", "2:20" } }
      for key, value in pairs(more or {}) do
        all[key] = value
      end
      return (decide(state, claim("2:20", nil, all)))
    end
    local made = with "0.8.1.2"
    assert.is_nil(made.is_doubtful)
    assert.same({ ["1:10"] = true }, made.full)
    assert.is_table(with "0.8.1.1")
    assert.is_nil(with "0.8.1.3")
    assert.is_nil(with())
    assert.is_nil(with("0.8.1.2", { members = { "1:10", "2:20", "2:21" } }))
    state.partial = true
    assert.is_nil(with "0.8.1.2")
    assert.is_table(with "0.8.1.1")
  end)

  it("do not count a process that does not speak for its node", function()
    assert.is_nil((decide(claim("1:10", { 8, 1, 0, 5 }), claim("2:20", { 8, 1, 0, 5 }, { standing = false }))))
  end)

  it("take the newest state when all nodes are here, as doubtful, and raise the index to the floor", function()
    local made = decide(claim("1:10", { 8, 1, 0, 5 }), claim("2:20", nil, { floor = 60 }), claim("3:30"))
    assert.is_true(made.is_doubtful)
    assert.is_true(made.is_last_resort)
    assert.equal(60, made.index)
    assert.same({ ["1:10"] = true }, made.full)
  end)

  it("choose the state of a learner only if no other is of that epoch", function()
    local learner = claim("1:10", { 12, 1, 1, 9 }, { partial = true })
    assert.same({ ["2:20"] = true }, decide(learner, claim("2:20", { 12, 1, 1, 8 })).full)
    assert.same({ ["1:10"] = true }, decide(learner, claim("2:20", { 12, 1, 0, 11 })).full)
  end)

  it("use the greatest claimed number of nodes", function()
    local made = decide(claim("1:10", { 8, 1, 0, 5 }), claim("2:20", { 8, 1, 0, 5 }, { nodes = 5 }))
    assert.is_nil(made)
  end)

  it("count rounds on the same ring", function()
    local made = decide(claim("1:10", { 40, 3, 2, 5 }), claim("2:20", { 40, 2, 0, 5 }))
    assert.same({ start = 0, seq = 40, round = 4, epoch = 0 }, made.generation)
  end)

  it("begin a later generation than all claimed ones on a ring with a lower number", function()
    local made = decide(claim("1:10", { 80, 2, 1, 5 }), claim("2:20", { 80, 2, 0, 5 }))
    assert.same({ start = 0, seq = 80, round = 3, epoch = 0 }, made.generation)
    local promised = { start = 0, seq = 84, round = 1, epoch = 0 }
    made = decide(claim("1:10", { 80, 2, 1, 5 }), claim("2:20", nil, { promised = promised }),
      claim("3:30", { 80, 2, 1, 5 }))
    assert.same({ start = 0, seq = 84, round = 2, epoch = 0 }, made.generation)
  end)

  it("choose the state of the later fresh start, also if its generation is lower", function()
    local old, new = claim("1:10", { 80, 2, 1, 5 }, { start = 3 }), claim("2:20", { 8, 1, 0, 70 }, { start = 70 })
    assert.same({ ["2:20"] = true }, decide(old, new).full)
  end)

  it("begin a doubtful generation that is later than one that no claim mentions", function()
    local lost = claim("1:11", { 8, 1, 0, 70 }, { start = 70 })
    local made = decide(claim("1:10", { 80, 2, 1, 5 }, { floor = 90 }), claim("2:20"), claim("3:30"))
    assert.same({ start = 90, seq = 80, round = 3, epoch = 0 }, made.generation)
    local on, learned = claim("1:10", { 80, 3, 0, 95 }, { start = 90 }), claim("2:20", { 80, 3, 0, 95 }, { start = 90 })
    assert.same({ ["1:10"] = true, ["2:20"] = true }, decide(on, learned, lost).full)
  end)

  it("begin a generation with a start as late as one that was promised", function()
    local promised = { start = 90, seq = 80, round = 3, epoch = 0 }
    local made = decide(claim("1:10", { 80, 2, 1, 5 }), claim("2:20", { 80, 2, 1, 5 }, { promised = promised }))
    assert.same({ start = 90, seq = 80, round = 4, epoch = 0 }, made.generation)
  end)

  it("begin a later generation than those that nodes have noted", function()
    local made = decide(claim("1:10", { 40, 2, 1, 5 }, { noted = "7.80.3.9" }), claim("2:20", { 40, 2, 1, 5 }))
    assert.same({ start = 7, seq = 80, round = 4, epoch = 0 }, made.generation)
  end)

  it("decide the same in any order", function()
    local list = { claim("1:10", { 8, 1, 0, 5 }), claim("2:20", { 8, 1, 0, 5, 6 }), claim("3:30", { 8, 1, 0, 4 }) }
    local first = decide(list[1], list[2], list[3])
    assert.same(first, decide(list[3], list[2], list[1]))
    assert.same(first, decide(list[2], list[3], list[1]))
  end)
end)
