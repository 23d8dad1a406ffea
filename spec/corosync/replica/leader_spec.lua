local lock_members = require "spec.helpers.lock_members"
local replicas = require "spec.helpers.replicas"

describe("an election of a replica on one node", function()
  after_each(replicas.clean)

  -- Stands for election, and notes what is called.
  local function stand(app, name)
    local events = {}
    local leader = app:leader(name, {
      elected = function(token) events[#events + 1] = token end,
      deposed = function(reason) events[#events + 1] = reason end,
    })
    return leader, events
  end

  it("reports that it cannot stand when the process uses the election's lock itself", function()
    local problems = {}
    local app = replicas.new { error = function(message) problems[#problems + 1] = message end }
    local held = assert(app:lock("leader/x"):acquire())
    app:leader("x", { elected = function() end })
    assert.matches("cannot acquire lock 'leader/x' of replica '.*': this process holds it already", problems[1])
    assert(held:release())
  end)

  it("elects the only member, again after it has resigned, with a greater token", function()
    local app = replicas.new()
    local leader, events = stand(app, "cron")
    assert.equal(leader, app:leader "cron")
    assert.equal("cron", leader.name)
    local _, message, code = leader:resign()
    assert.equal("not_holding", code)
    assert.matches("cannot resign from 'cron' of replica .*does not lead", message)
    assert(replicas.eventually(function() return events[1] end))
    assert.is_true(leader:resign())
    assert.equal("resigned", events[2])
    assert(replicas.eventually(function() return events[3] end))
    assert.is_true(events[3] > events[1])
    assert(app:close())
    assert.same({ events[1], "resigned", events[3], "closed" }, events)
  end)

  it("lets the functions submit and wait", function()
    local app = replicas.new()
    local list = replicas.list(app)
    local result
    app:leader("cron", { elected = function() result = list:submit "x" end })
    assert(replicas.eventually(function() return result end))
    assert.same({ "x" }, list.state)
  end)

  it("raises for wrong arguments with their names", function()
    local app = replicas.new()
    local function problem(...)
      local ok, message = pcall(app.leader, app, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("#1 'name' to 'leader' %(string expected, got nil%)", problem(nil, {}))
    assert.matches("#2 'handlers' to 'leader' %(table expected, got nil%)", problem "x")
    assert.matches("unknown field 'elect'", problem("x", { elect = print }))
    assert.matches("field 'elected': function expected, got string", problem("x", { elected = "x" }))
    assert.matches("field 'elected': function expected, got nil", problem("x", { deposed = print }))
    app:leader("x", { elected = function() end })
    assert.matches("#1 'name' to 'leader' %(this process stands for election 'x' already%)",
      problem("x", { elected = function() end }))
  end)
end)

describe("an election of a replica on three nodes #slow", function()
  local members

  setup(function() members = lock_members.new() end)
  teardown(function() assert(members.cluster:stop()) end)
  before_each(function() members:start_all() end)
  after_each(function() members:end_all() end)

  local function elected(node)
    local token, at = members:await(node, "^elected x (%d+) @(%S+)")
    return tonumber(token), tonumber(at)
  end

  local function all_stand()
    members:tell(1, "lead x")
    local token = elected(1)
    for node = 2, 3 do
      members:tell(node, "lead x")
      members:waiting(node, "leader/x", node - 1)
    end
    return token
  end

  it("goes to the next in the queue when the leader resigns and becomes the last", function()
    local last = all_stand()
    for _, step in ipairs { { 1, 2 }, { 2, 3 }, { 3, 1 } } do
      members:tell(step[1], "resign x")
      members:await(step[1], "^deposed x resigned")
      local token = elected(step[2])
      assert.is_true(token > last)
      last = token
      members:waiting(step[2], "leader/x", 2)
    end
  end)

  it("goes to the next in the queue when the leader is killed", function()
    local last = all_stand()
    assert(members.cluster:kill_host(1))
    assert.is_true(elected(2) > last)
  end)

  it("deposes a leader that is cut off, before it elects another, and later elects the first again", function()
    local last = all_stand()
    assert(members.cluster:partition({ 1 }))
    local told = tonumber(members:await(1, "^deposed x expired @(%S+)"))
    local token, at = elected(2)
    assert.is_true(told < at and token > last)
    assert(members.cluster:heal())
    members:waiting(2, "leader/x", 2)
    assert.is_nil(members:find(1, "^elected"))
    for _, node in ipairs { 2, 3 } do
      members:tell(node, "resign x")
      members:await(node, "^deposed x resigned")
      if node == 2 then
        elected(3)
      end
    end
    assert.is_true(elected(1) > token)
  end)
end)
