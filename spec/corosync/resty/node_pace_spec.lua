-- How long a member of a node waits for workers that are behind, by a clock of the spec.
local core = require "corosync.binding"
local pace = require "corosync.resty.node.pace"

local ROOM = 1000

local real_now, now = core.now, nil

setup(function()
  function core.now() return now end
end)
teardown(function() core.now = real_now end)

-- A member's pace, and the workers' positions by their places.
local function pace_of(positions)
  local dict = { get = function(_, key) return positions[key] end }
  local workers = { places = function() return { 1, 2 } end }
  return pace.new({ dict = dict, key = function(_, _, place) return place end }, workers)
end

describe("a member of a node that appends events", function()
  before_each(function() now = 100 end)

  it("waits while all workers are behind by half of the log", function()
    local member = pace_of { 0, 0 }
    assert.is_false(member:must_wait(ROOM / 2, ROOM))
    assert.is_true(member:must_wait(ROOM, ROOM))
    now = now + 9
    assert.is_true(member:must_wait(ROOM, ROOM))
    now = now + 2
    assert.is_false(member:must_wait(ROOM, ROOM))
  end)

  it("waits a second for a worker that goes on later than another one, after both stood still", function()
    local positions = { 0, 0 }
    local member = pace_of(positions)
    for _ = 1, 3 do
      assert.is_true(member:must_wait(ROOM, ROOM))
      now = now + 1
    end
    assert.is_true(member:must_wait(ROOM, ROOM))
    positions[1] = ROOM
    now = now + 0.5
    assert.is_true(member:must_wait(ROOM, ROOM))
    now = now + 1
    assert.is_false(member:must_wait(ROOM, ROOM))
  end)

  it("waits for a slow worker as long as it makes progress", function()
    local positions = { ROOM, 0 }
    local member = pace_of(positions)
    for position = 1, 5 do
      positions[2] = position
      assert.is_true(member:must_wait(ROOM, ROOM))
      now = now + 0.9
    end
    now = now + 0.2
    assert.is_false(member:must_wait(ROOM, ROOM))
  end)
end)
