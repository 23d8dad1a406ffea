-- Commands that follow each other in a batch are applied together if they are of one machine.
local machines = require "corosync.replica.machines"

-- Returns the machines "a" and "b". Each appends commands to a list; "bad" raises after it has changed the state.
local function new_machines(more)
  local all = machines.new { damaged = function(_, _, problem) error(problem, 0) end, restored = function() end,
    applied = more and more.applied }
  for _, name in ipairs { "a", "b" } do
    all:define(name, {
      apply = function(state, command, at)
        table.insert(state, command .. at)
        if command == "bad" then
          error("no", 0)
        end
        return command == "table" and { at, { state = "x" } } or command
      end,
      changed = more and more.changed,
    })
  end
  return all
end

local function encoded(commands)
  local list = {}
  for machine, command in commands:gmatch "(%a+):(%a+)" do
    list[#list + 1] = machine .. "\0s" .. command
  end
  return list
end

local COMMANDS = "a:x a:y a:bad a:z b:x a:bad a:bad b:table a:u"

local function digests(all)
  return { all.by_name.a.chain.digest, all.by_name.b.chain.digest }
end

describe("commands of a batch", function()
  it("each get their own result, and leave no trace in the state if they raise", function()
    local all = new_machines()
    local results = all:apply(encoded(COMMANDS), 11)
    assert.same({ "x11", "y12", "z14", "u19" }, all.by_name.a.state)
    assert.same({ "x15", "table18" }, all.by_name.b.state)
    for i, expected in ipairs { "x", "y", false, "z", "x", false, false, "table", "u" } do
      local problem, code = machines.failure(results[i])
      assert.equal(not expected and "no" or nil, problem)
      assert.equal(not expected and "raised" or nil, code)
      assert.truthy(problem or expected == "table" or results[i] == expected)
    end
    assert.equal(7, all.applied.a)
    assert.equal(2, all.applied.b)
  end)

  it("lead to the same digest on a member that has `changed`", function()
    local one, seen = new_machines(), {}
    local other = new_machines {
      changed = function() end,
      applied = function(machine, command, result, at)
        table.insert(seen, ("%s %s %s %d %d"):format(machine.name, command, type(result), at, #machine.state))
      end,
    }
    one:apply(encoded(COMMANDS), 11)
    other:apply(encoded(COMMANDS), 11)
    assert.same(digests(one), digests(other))
    assert.same({ "a x string 11 1", "a y string 12 2", "a z string 14 3", "b x string 15 1", "b table table 18 2",
      "a u string 19 4" }, seen)
  end)

  it("lead to the same digest however they are divided", function()
    local one, other = new_machines(), new_machines()
    local list = encoded(COMMANDS)
    one:apply(list, 1)
    for i, data in ipairs(list) do
      other:apply({ data }, i)
    end
    assert.same(digests(one), digests(other))
  end)

  -- Returns machines with one whose results are its state.
  local function returning_state(changed)
    local all = machines.new { applied = function() end }
    all:define("a", { changed = changed, apply = function(state, command)
      state.list = state.list or {}
      table.insert(state.list, command)
      return state
    end })
    return all
  end

  it("lead to the same digest on a member that has `changed` if each result is the state", function()
    local one, other = returning_state(), returning_state(function() end)
    one:apply(encoded "a:x a:y", 1)
    other:apply(encoded "a:x a:y", 1)
    assert.equal(one.by_name.a.chain.digest, other.by_name.a.chain.digest)
  end)

  it("return to callers what `apply` has returned, although later commands change that", function()
    local all = returning_state()
    local results = all:apply(encoded "a:x a:y", 1, true)
    assert.same({ list = { "x" } }, results[1])
    results[2].list[1] = "changed by a caller"
    assert.same({ list = { "x", "y" } }, all.by_name.a.state)
  end)

  it("return to callers objects and tables that contain themselves", function()
    local all, object, circle = machines.new {}, setmetatable({}, {}), {}
    circle.circle = circle
    all:define("a", { apply = function(_, command) return command == "x" and { object } or circle end })
    local results = all:apply(encoded "a:x a:y", 1, true)
    assert.equal(object, results[1][1])
    assert.equal(results[2], results[2].circle)
  end)

  it("lead to another digest if a result differs", function()
    local one, other = new_machines(), new_machines()
    one:apply(encoded "a:x a:y", 1)
    other:apply(encoded "a:x a:bad", 1)
    assert.not_same(digests(one), digests(other))
  end)
end)
