-- The machines of a replica, without a cluster.
local applying = require "corosync.replica.machines.applying"
local machines = require "corosync.replica.machines"

describe("the machines of a replica", function()
  it("do not change what `initial` has returned, which may return it again", function()
    local all, initial = machines.new { restored = function() end }, { list = {} }
    local function apply(state) table.insert(state.list, "x") end
    all:define("m", { initial = function() return initial end, apply = apply })
    all:apply({ all.by_name.m:encode "a" }, 1)
    assert.same({ list = { "x" } }, all.by_name.m.state)
    assert.same({ list = {} }, initial)
    all:reset()
    assert.same({ list = {} }, all.by_name.m.state)
  end)

  it("report that the initial state cannot be made again, and then apply nothing", function()
    local told, is_broken = {}, false
    local all = machines.new { damaged = function(what, machine, problem) told = { what, machine.name, problem } end }
    all:define("m", { apply = function() error "applied" end, initial = function()
      if is_broken then error("no", 0) end
      return {}
    end })
    is_broken = true
    all:reset()
    assert.same({ "make the initial state", "m", "no" }, told)
    assert.same({}, all:apply({ all.by_name.m:encode "a" }, 1))
  end)

  it("ignore commands that name no machine", function()
    local all = machines.new { damaged = function(_, _, problem) error(problem, 0) end }
    assert.same({ true, true, true }, all:apply({ "", "x", "\0x" }, 1))
    assert.same({}, all.names)
  end)

  local function list_machines(apply)
    local all = machines.new { damaged = function(_, _, problem) error(problem, 0) end, restored = function() end }
    all:define("list", { apply = apply or function(state, command) state[#state + 1] = command end })
    return all
  end

  local function commands(count)
    local list = {}
    for i = 1, count do list[i] = "list\0s" .. i end
    return list
  end

  -- Returns machines with commands since the base, and the chunks of their snapshot.
  local function snapshot_of(count)
    local all, chunks = list_machines(), {}
    all.by_name.list.is_large = true -- else a snapshot has a new base, and no commands
    all:apply(commands(count), 1)
    for chunk in all.by_name.list:snapshot() do chunks[#chunks + 1] = chunk end
    return chunks
  end

  it("apply the commands of a snapshot as its chunks come, because all at once would block the loop", function()
    local learner, most, before = list_machines(), 0, 0
    local restoring = learner:begin_restore()
    for _, chunk in ipairs(snapshot_of(5000)) do
      restoring:add(chunk)
      local count = #(restoring.taken[1].state or {})
      most, before = math.max(most, count - before), count
    end
    assert.equal(5000, before)
    assert.is_true(most <= 500)
    assert.is_true(restoring:build())
    learner:restore(restoring)
    assert.equal("5000", learner.by_name.list.state[5000])
  end)

  it("raise the error of `initial` as it is when they are defined: there is no state to take over", function()
    local all, problem = machines.new {}, {}
    local ok, raised = pcall(all.define, all, "m", { apply = print, initial = function() error(problem) end })
    assert.is_false(ok)
    assert.equal(problem, raised)
    all:apply({ "m\0x" }, 1)
    assert.error_matches(function()
      all:define("m", { apply = print, initial = function() error("no", 0) end })
    end, "^machine 'm' cannot take over its state: no$")
  end)

  it("block no replica after an initial has yielded in a coroutine that was dropped", function()
    local all, was_running = machines.new {}, false
    pcall(coroutine.wrap(function() -- an error in Lua 5.1, which cannot yield there
      all:define("m", { apply = print, initial = function()
        was_running = applying.is_running()
        coroutine.yield()
      end })
    end))
    assert.is_true(was_running)
    assert.is_false(applying.is_running())
  end)

  it("keep the commands that come while a function of a machine's definition waits", function()
    local all = machines.new {}
    local define = coroutine.wrap(function()
      return pcall(all.define, all, "list", { apply = print, initial = function()
        coroutine.yield "waits" -- an error in Lua 5.1, which cannot yield there
        return {}
      end })
    end)
    local first = define()
    all:apply(commands(2), 1)
    if first == "waits" then
      local ok, problem = define()
      assert.is_false(ok)
      assert.matches("cannot define machine 'list': one of its functions waited, and the state has changed", problem)
    end
    all:define("list", { apply = function(state, command) state[#state + 1] = command end })
    assert.same({ "1", "2" }, all.by_name.list.state)
  end)

  it("keep the commands for a machine whose definition has failed", function()
    local all = machines.new {}
    all:apply(commands(2), 1)
    assert.error(function() all:define("list", { apply = print, initial = function() error "no" end }) end)
    all:define("list", { apply = function(state, command) state[#state + 1] = command end })
    assert.same({ "1", "2" }, all.by_name.list.state)
  end)

  it("keep no more commands than before when another script cannot take the state", function()
    local all = list_machines(function() end)
    all.by_name.list.is_large = true
    all:apply(commands(1), 1)
    assert.error(function() all:converted("list", { apply = function() error "not this" end }) end)
    for i = 0, 29 do
      all:apply(commands(1000), 1000 * i + 2)
    end
    local list = all.by_name.list
    assert.is_true(#list.since - list.first < 2 * 22000)
  end)

  it("return the first error of the script's functions when a snapshot is complete", function()
    local calls = 0
    local restoring = list_machines(function()
      calls = calls + 1
      error("not this one", 0)
    end):begin_restore()
    for _, chunk in ipairs(snapshot_of(2000)) do restoring:add(chunk) end
    assert.same({ false, "not this one" }, { restoring:build() })
    assert.equal(1, calls)
  end)
end)
