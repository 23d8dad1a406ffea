-- Replicas on three nodes under real faults, while commands are under way.
local kill = require("spec.helpers.program").kill
local lab = require "corosync.lab"
local replicas = require "spec.helpers.replicas"

local hears, run = replicas.hears, replicas.run

-- Each member submits numbered commands one after another, and prints the outcome of each.
local SOURCE = [[
options.timeout, options.patience = 2, 1
---
list = list { apply = function(state, command)
  state[#state + 1] = command
  for i = 1, command == "fill" and 200 or 0 do
    state[#state + 1] = ("%10d"):format(#state):rep(1000)
  end
  return #state
end }
function write(prefix)
  coroutine.wrap(function()
    local i = 0
    is_writing = true
    while is_writing do
      i = i + 1
      local result, _, code = list:submit(prefix .. i)
      print(result and "confirmed" or "failed", prefix .. i, code)
      if not result then
        local timer = require "luv".new_timer() -- a lost connection fails at once
        local routine = coroutine.running()
        timer:start(100, 0, function() timer:close() coroutine.resume(routine) end)
        coroutine.yield()
      end
    end
    print "stopped"
  end)()
end
function watch()
  local timer = require "luv".new_timer()
  timer:start(1, 1, function()
    if app:status() ~= "learning" then return end
    timer:close()
    print "learning"
  end)
end
function fill(count)
  for _ = 1, count do list:submit("fill", function() end) end
  print("filled", (app:barrier()))
end
]]

describe("a replica on three nodes #slow", function()
  local cluster, members, name
  local all = {} -- programs, also those that have ended

  local function start(node, options)
    local program = assert(cluster:run(node, replicas.argv(name, SOURCE), options or { host = true }))
    all[#all + 1] = program
    return program
  end

  setup(function() cluster = assert(lab.start { nodes = 3, token = 500 }) end)
  teardown(function() assert(cluster:stop()) end)

  before_each(function()
    name, members, all = replicas.name(), {}, {}
    for node = 1, 3 do
      members[node] = start(node)
    end
    for node = 1, 3 do hears(members[node], "^ready$") end
  end)

  after_each(function()
    kill(all)
    replicas.clean()
  end)

  local function write(node)
    run(members[node], ("write '%d.%d-'"):format(node, #all))
  end

  local function confirms(node, count)
    for _ = 1, count do hears(members[node], "^confirmed\t") end
  end

  local function state_of(program)
    local text
    assert(replicas.eventually(function()
      run(program, "app:barrier(function(ok) print('barrier', ok) end)")
      return hears(program, "^barrier\t(.*)$") == "true"
    end))
    run(program, "show(list.state)")
    text = hears(program, "^state\t(.*)$")
    return text
  end

  -- Stops all writers, and checks the state: each confirmed command must be in it once, and no command that was
  -- reported as not applied.
  local function judge(programs)
    for _, program in ipairs(programs) do
      run(program, "if is_writing then is_writing = false else print 'stopped' end")
    end
    for _, program in ipairs(programs) do hears(program, "^(stopped)$") end
    local state = state_of(programs[1])
    for i = 2, #programs do assert.equal(state, state_of(programs[i])) end
    local times = {}
    for command in state:gmatch "%S+" do times[command] = (times[command] or 0) + 1 end
    local confirmed = 0
    for _, program in ipairs(all) do
      for _, line in ipairs(program.lines) do
        local outcome, command, code = line:match "^(%a+)\t(%d%S+)\t(%S+)$"
        if outcome == "confirmed" then
          confirmed = confirmed + 1
          assert.equal(1, times[command], line)
        elseif outcome == "failed" and code ~= "uncertain" and code ~= "applied" then
          assert.is_nil(times[command], line)
        elseif outcome == "failed" then
          assert.is_true((times[command] or 1) == 1, line)
        end
      end
    end
    return confirmed
  end

  it("loses nothing when a member is killed", function()
    for node = 1, 3 do
      write(node)
      confirms(node, 5)
    end
    assert(cluster:kill_host(3))
    confirms(1, 50)
    confirms(2, 50)
    members[3] = start(3)
    hears(members[3], "^ready$")
    write(3)
    confirms(3, 20)
    assert.is_true(judge(members) > 100)
  end)

  it("loses nothing when a daemon is killed, and its member comes back by itself", function()
    for node = 1, 3 do
      write(node)
      confirms(node, 5)
    end
    assert(cluster:kill(3))
    hears(members[3], "^suspended\t(Corosync on this node is away)$")
    hears(members[3], "^failed\t.*\t(not_connected)$")
    confirms(1, 50)
    assert(cluster:restart(3))
    hears(members[3], "^ready$")
    confirms(3, 20)
    judge(members)
  end)

  it("confirms nothing in the smaller part of a partition, and has one state after it", function()
    for node = 1, 3 do
      write(node)
      confirms(node, 5)
    end
    assert(cluster:partition({ 1, 2 }, { 3 }))
    hears(members[3], "^suspended\t")
    assert.equal("uncertain", (hears(members[3], "^failed\t%S+\t(%S+)$")))
    for _ = 1, 2 do assert.equal("not_ready", (hears(members[3], "^failed\t%S+\t(%S+)$"))) end
    hears(members[1], "^ready$")
    confirms(1, 50)
    local seen = #members[3].lines
    assert(cluster:heal())
    hears(members[3], "^ready$")
    confirms(3, 20)
    for i = members[3].found, seen do assert.not_matches("^confirmed", members[3].lines[i]) end
    judge(members)
  end)

  it("is blocked by a paused process no longer than its patience", function()
    for node = 1, 2 do
      write(node)
      confirms(node, 5)
    end
    members[3]:kill "sigstop"
    -- With a timeout of 2 s and a patience of 1 s no submit fails.
    confirms(1, 200)
    confirms(2, 200)
    members[3]:kill "sigcont"
    for node = 1, 2 do
      assert.not_matches("\nfailed", table.concat(members[node].lines, "\n"))
    end
    run(members[3], "app:barrier() print 'again'")
    hears(members[3], "^again$")
    judge(members)
  end)

  it("brings a learner up to date with a large state during writes, even if the donor is killed", function()
    run(members[1], "fill(10)") -- 20 MB
    hears(members[1], "^filled\ttrue$")
    for _, node in ipairs { 1, 3 } do
      write(node)
      confirms(node, 5)
    end
    local learner = start(3, {})
    hears(learner, "^up$")
    run(learner, "watch()")
    hears(learner, "^learning$")
    assert(cluster:kill_host(2)) -- the second member is a learner's first donor
    confirms(1, 50)
    confirms(3, 50)
    hears(learner, "^ready$")
    judge { members[1], members[3], learner }
  end)
end)
