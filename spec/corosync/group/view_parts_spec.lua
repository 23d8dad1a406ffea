-- These specs depend on the moment at which each part arrives, which no real cluster repeats.
describe("the parts of a view #slow", function()
  local view = require "corosync.group.view"
  local A, B, C = { node = 1, pid = 10 }, { node = 2, pid = 20 }, { node = 3, pid = 30 }
  local OLD, NEW = { node = 1, seq = 4 }, { node = 1, seq = 8 }
  local parts, quorum

  before_each(function()
    parts = view.new(nil, function(handlers)
      quorum = function(quorate, ring) handlers.quorum_change(quorate, {}, ring) end
      return {}
    end)
    assert(parts:open())
  end)

  local function config(members, left, came, reason)
    for _, list in ipairs { left, came } do
      for _, address in ipairs(list) do address.reason = reason end
    end
    parts:config_change(members, left, came)
  end

  local function is_due()
    local seconds = parts:due(0)
    return seconds ~= nil and seconds <= 0
  end

  -- A first view of A and B.
  local function begin()
    config({ A, B }, {}, { A }, "join")
    parts:ring_change(OLD, { 1, 2 })
    quorum(true, OLD)
    return parts:make()
  end

  it("can arrive in any order", function()
    local steps = {
      function() config({ A }, {}, { A }, "join") end,
      function() parts:ring_change(OLD, { 1 }) end,
      function() quorum(true, OLD) end,
    }
    for _, order in ipairs { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } } do
      parts.members, parts.ring, parts.quorum = nil, nil, nil
      for i, step in ipairs(order) do
        assert.is_false(is_due())
        steps[step]()
        assert.is_nil(parts:present())
        assert.equal(i == 3, is_due())
      end
    end
  end)

  it("make a view when the same ring is told again, with all its nodes", function()
    parts:ring_change(NEW, { 1 })
    config({ A, B }, {}, { A }, "join")
    quorum(true, NEW)
    assert.is_false(is_due()) -- node 2 is not on the ring
    parts:ring_change(NEW, { 2, 1 })
    assert.is_true(is_due())
    assert.same({ 2, 1 }, parts:make().nodes)
    parts:ring_change(NEW, { 1, 2 })
    assert.is_false(is_due())
  end)

  it("make a view at once when a process joins or leaves", function()
    begin()
    config({ A, B, C }, {}, { C }, "join")
    assert.is_false(is_due()) -- node 3 is not on the ring
    config({ A, B }, { C }, {}, "leave")
    assert.is_true(is_due())
    config({ A }, { B }, {}, "procdown")
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ { A }, { B }, {} }, { made.members, made.left, made.joined })
  end)

  it("belong to the next ring when a node leaves", function()
    begin()
    config({ A }, { B }, {}, "nodedown")
    assert.is_false(is_due())
    parts:ring_change(NEW, { 1 })
    assert.is_false(is_due())
    quorum(false, NEW)
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ { A }, { B }, {}, NEW, { 1 }, false },
      { made.members, made.left, made.joined, made.ring, made.nodes, made.quorate })
    assert.is_nil(made.merged)
  end)

  it("belong to the next ring when nodes join one after another", function()
    begin()
    quorum(true, NEW)
    assert.is_false(is_due())
    config({ A, B, C }, {}, { C }, "nodeup")
    assert.is_false(is_due())
    local D = { node = 3, pid = 31 }
    config({ A, B, C, D }, {}, { D }, "nodeup")
    assert.is_false(is_due())
    parts:ring_change(NEW, { 1, 2, 3 })
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ { C, D }, { { A, B }, { C, D } } }, { made.joined, made.merged })
    assert.is_false(is_due())
  end)

  it("show the sides of a merge that happens before the first view", function()
    config({ A }, {}, { A }, "join")
    config({ A, C }, {}, { C }, "nodeup")
    parts:ring_change(NEW, { 1, 3 })
    quorum(true, NEW)
    assert.same({ { A }, { C } }, parts:make().merged)
  end)

  it("list a process that joined since on neither side", function()
    begin()
    config({ A, B, C }, {}, { C }, "nodeup")
    parts:ring_change(NEW, { 1, 2, 3 })
    local D = { node = 2, pid = 21 }
    config({ A, B, C, D }, {}, { D }, "join")
    quorum(true, NEW)
    local made = parts:make()
    assert.same({ { A, B, C, D }, { C, D }, { { A, B }, { C } } }, { made.members, made.joined, made.merged })
  end)

  it("match a ring only if both its node and its seq are equal", function()
    begin()
    parts:ring_change({ node = 2, seq = 4 }, { 1, 2 })
    assert.is_false(is_due())
    quorum(true, { node = 2, seq = 4 })
    assert.is_true(is_due())
    quorum(true, { node = 2, seq = 8 })
    assert.is_false(is_due())
  end)

  it("match a ring by its seq alone when quorum reports no node", function()
    config({ A }, {}, { A }, "join")
    parts:ring_change(OLD, { 1 })
    quorum(true, { seq = 8 })
    assert.is_false(is_due())
    quorum(true, { seq = 4 })
    assert.is_true(is_due())
    assert.same(OLD, parts:make().ring)
  end)

  it("need only members and ring without a quorum provider", function()
    quorum(nil, { seq = 0 })
    config({ A, B }, {}, { A }, "join")
    assert.is_false(is_due())
    parts:ring_change(OLD, { 1, 2 })
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ OLD, nil, "no_quorum_provider" }, { made.ring, made.quorate, made.reason })
    config({ A }, { B }, {}, "nodedown")
    assert.is_false(is_due())
    parts:ring_change(NEW, { 1 })
    assert.is_true(is_due())
    assert.same({ B }, parts:make().left)
  end)

  it("make no view when nothing has changed", function()
    local first = begin()
    parts:ring_change({ node = 1, seq = 4 }, { 1, 2 })
    quorum(true, { node = 1, seq = 4 })
    assert.is_false(is_due())
    assert.is_true(rawequal(first, parts:present()))
  end)
end)
