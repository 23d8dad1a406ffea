-- Members with storage on three nodes, which are killed or lose power. Their output shows which commands were
-- confirmed.
local durable = require "spec.helpers.durable"

describe("a replica with storage on three nodes #slow", function()
  local cluster, members
  local ALL = { 1, 2, 3 }

  setup(function() cluster = durable.start_lab() end)

  teardown(function() cluster:stop() end)

  before_each(function() members = durable.new(cluster) end)

  after_each(function() members:remove() end)

  -- One member starts later than the others, which are a majority. In the end all must have the state, because
  -- otherwise the next majority might wait for a member that has it.
  local function start_in_turn()
    local last = math.random(3)
    for node = 1, 3 do
      if node ~= last then
        members:start(node)
      end
    end
    members:confirms(math.random(1, 50))
    members:start(last)
    members:hears(last, "^(ready)$")
    members:confirms(math.random(1, 400))
  end

  -- Ends all members several times at random moments. `fail` ends all members.
  local function end_often(rounds, fail)
    for _ = 1, rounds do
      start_in_turn()
      fail()
    end
    start_in_turn()
    members:check(ALL)
  end

  it("has all that was confirmed when all processes were killed", function()
    end_often(5, function() members:kill(ALL) end)
  end)

  it("has all that was confirmed when the power has failed on all nodes", function()
    end_often(3, function() members:fail_power(ALL) end)
  end)

  -- Starts the first member after a loss of power, and waits until it waits for others.
  local function start_alone(node, options)
    members:start(node, options)
    members:hears(node, "^(up)$")
    local status, why
    assert(cluster:wait_for(function()
      members:run(node, "print('status', (app:status()), (select(6, app:status())))")
      status, why = members:hears(node, "^status\t(%S+)\t(.*)$")
      return why:find "too few"
    end, 30))
    assert.equal("blocked", status)
    assert.matches("^too few nodes have a state: ", why)
  end

  it("waits for a majority, and goes on with it", function()
    members:start_all()
    members:confirms(100)
    members:fail_power(ALL)
    start_alone(1)
    members:start(3)
    members:confirms(50)
    members:start(2)
    members:hears(2, "^(ready)$")
    members:check(ALL)
  end)

  -- As docs/replica.md describes it. Power fails, so that nothing but the backup shows which tokens there were.
  it("is restored from a backup of one node, and tokens grow", function()
    local function begin()
      members:start_all { writers = 0 }
      for _, node in ipairs(ALL) do
        members:hears(node, "^(ready)$")
      end
    end
    local function token()
      members:run(2, "print('token', ('%.0f'):format(assert(app:lock 'l':acquire()).token))")
      return tonumber((members:hears(2, "^token\t(%d+)")))
    end
    local function sets(value)
      members:run(1, ("print('set', app:map 'm':set('k', %d))"):format(value))
      assert.equal("true", (members:hears(1, "^set\t(%S+)")))
    end
    local function shell(command)
      assert.equal(0, (cluster:command(1, { "sh", "-ec", "cd " .. members.folder .. "; " .. command }, 10)))
    end
    begin()
    sets(1)
    members:kill { 1 }
    shell "mkdir backup; cp node1.db* backup"
    members:kill { 2, 3 }
    begin()
    sets(2)
    local last = token()
    members:fail_power(ALL)
    shell "rm node*.db*; cp backup/* ."
    start_alone(1, { writers = 0 })
    members:start(2, { writers = 0 })
    members:start(3, { writers = 0 })
    for _, node in ipairs(ALL) do
      members:hears(node, "^(ready)$")
      members:run(node, "print('has', app:map 'm':get('k', { confirmed = true }))")
      assert.equal("1", (members:hears(node, "^has\t(%S+)")))
    end
    assert.is_true(token() > last)
  end)

  it("keeps its maps, and lets tokens of locks grow, after all processes have ended", function()
    local last = 0
    for round = 1, 3 do
      members:start_all { writers = 0 }
      for node = 1, 3 do
        members:hears(node, "^(ready)$")
      end
      members:run(1, "app:barrier() print('had', app:map 'm':get 'round')")
      assert.equal(round == 1 and "nil" or tostring(round - 1), (members:hears(1, "^had\t(%S+)")))
      members:run(1, ("print('set', app:map 'm':set('round', %d))"):format(round))
      assert.equal("true", (members:hears(1, "^set\t(%S+)")))
      members:run(2, "print('token', ('%.0f'):format(assert(app:lock 'l':acquire()).token))")
      local token = tonumber((members:hears(2, "^token\t(%d+)")))
      assert.is_true(token > last)
      last = token
      if round == 2 then
        members:fail_power(ALL)
      else
        members:kill(ALL)
      end
    end
  end)
end)
