-- One machine of a replica, without a cluster.
local command = require "corosync.replica.machines.command"
local machine = require "corosync.replica.machines.machine"
local plain = require "corosync.replica.machines.plain"
local results = require "corosync.replica.machines.results"

-- Returns a state with the given number of entries.
local function state_with(entries)
  local state = {}
  for i = 1, entries do state[i] = "x" end
  return state
end

local function new_machine(methods)
  local box = machine.new "box"
  box.methods = methods
  box:reset()
  return box
end

local function machine_with(entries)
  return new_machine { apply = function() end, initial = function() return state_with(entries) end }
end

describe("the digest of a machine's state", function()
  local check = plain.check

  after_each(function() plain.check = check end)

  it("does not go through a large state", function()
    local box, checks = machine_with(5000), 0
    plain.check = function() checks = checks + 1 end
    assert.is_nil(box:digest())
    assert.equal(0, checks)
  end)

  it("is refused for a small state that is not plain", function()
    local box = machine_with(10)
    assert.is_number(box:digest())
    box.state.odd = print
    assert.is_nil(box:digest())
    assert.matches("field .odd is a function", box.problem)
  end)
end)

describe("the commands that a machine keeps to undo another one", function()
  it("are bounded, although each batch ends in an error", function()
    local box = new_machine { apply = function(_, given) assert(given == "good", "no") end }
    local run = command.run({ "box\0sgood", "box\0sbad" }, 1, "box\0s")
    for i = 1, 1500 do
      assert.equal(1, (box:apply(run, 1, 2, 2 * i, results.new(false))))
    end
    assert.is_true(#box.since <= 2000)
  end)
end)

describe("a machine that takes a snapshot", function()
  local function snapshot_of(methods)
    local box, chunks = new_machine(methods), {}
    for chunk in box:snapshot() do chunks[#chunks + 1] = chunk end
    return chunks
  end

  local function restore(methods, chunks)
    local box = machine.new "box"
    box.methods = methods
    box:begin_restore(chunks[1][2][2], chunks[1][2][3])
    for i = 2, #chunks do
      box:take(chunks[i][1], chunks[i][2])
    end
    box:finish_restore()
  end

  local encoding = { apply = function() end, snapshot = function() return "x" end, restore = function() return {} end }
  local plain_state = { apply = function() end }

  it("says which script cannot encode the state", function()
    restore(encoding, snapshot_of(encoding))
    restore(plain_state, snapshot_of(plain_state))
    assert.error_matches(function() restore(plain_state, snapshot_of(encoding)) end,
      "machine 'box' has no snapshot and restore in this script")
    assert.error_matches(function() restore(encoding, snapshot_of(plain_state)) end,
      "machine 'box' has no snapshot and restore in the sender's script")
  end)

  it("refuses a state that is nil, because a function has forgotten to return it", function()
    local forgetful = { apply = function() end, snapshot = function() return "x" end, restore = function() end }
    assert.error_matches(function() restore(forgetful, snapshot_of(encoding)) end,
      "restore of machine 'box' returned nil, but must return the state")
    forgetful.initial = function() end
    assert.error_matches(function() new_machine(forgetful) end, "the state of machine 'box' is nil")
  end)
end)
