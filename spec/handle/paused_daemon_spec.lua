-- A daemon that is paused, and a handler that sleeps: which events wait, how long, and where.
local lab = require "corosync.lab"

local interpreter = os.getenv("LUA"):match "%S+$"
local MESSAGES, SIZE, RATE = 500000, 400, 50000

describe("a handler or daemon that hangs #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)

  teardown(function() assert(cluster:stop()) end)

  local function start(...)
    return assert(cluster:run(1, { interpreter, ... }))
  end

  local function expect(program, pattern, stream, seconds)
    local found
    local ok, message = cluster:wait_for(function()
      for _, line in ipairs(program[stream or "lines"]) do
        found = found or line:match(pattern)
      end
      return found or program.exited
    end, seconds or 60, pattern)
    assert(ok and found, table.concat(program.errors, "\n") .. (message or ""))
    return found
  end

  -- The daemon's private memory, in kB.
  local function daemon_memory()
    local code, out = cluster:command(1, { "sh", "-c", "cat /proc/$(pidof corosync)/status" })
    assert.equal(0, code)
    return tonumber(out:match "RssAnon:%s+(%d+)")
  end

  it("(a handler for 10 s) does not make the daemon grow, and no message is lost", function()
    local sleeper = start("spec/helpers/clients/slow_member.lua", "slow", tostring(MESSAGES))
    expect(sleeper, "^joined$")
    local before = daemon_memory()
    local flood = start("spec/helpers/clients/flood.lua", "slow", tostring(MESSAGES), tostring(SIZE), tostring(RATE))
    expect(sleeper, "^asleep$")
    expect(flood, "^done$", "lines", 300)
    local grown = daemon_memory() - before
    -- Messages that arrive before the reader starts, 20 ms later, or while it gets no CPU; without a reader all would
    -- be queued, 200 MB.
    assert.is_true(grown < 60000, ("it grew by %d kB"):format(grown))
    assert(sleeper:write "\n")
    expect(sleeper, "^seen\t" .. MESSAGES .. "$")
    assert.is_true(tonumber(expect(sleeper, "^lagged\t(%d+)$")) > MESSAGES / 2)
    assert.equal(0, sleeper:wait(60))
  end)

  it("(the daemon) makes the watchdog name a call that does not return, and its return", function()
    local blocked = start("spec/helpers/clients/blocked_leave.lua", "block")
    expect(blocked, "^joined$")
    assert(cluster:pause(1))
    assert(blocked:write "\n")
    expect(blocked, "^%d+%-%d+%-%d+T%d+:%d+:%d+ warning: cpg: leave of group 'block' has not returned for %d+ s: ",
      "errors")
    assert(cluster:resume(1))
    expect(blocked, "^left$")
    expect(blocked, "warning: cpg: leave of group 'block' returned after %d+ s$", "errors")
    assert(blocked:write "\n")
    assert.equal(0, blocked:wait(60))
  end)

  it("(the daemon) does not block a leave with a limit, or a close, for ever", function()
    local watching = start("spec/helpers/clients/closing_member.lua", "watch")
    expect(watching, "^joined$")
    local results = { handle_leave = "not_connected", handle_close = "true", group_deactivate = "true",
      replica_close = "true" }
    local members = {}
    for way in pairs(results) do
      members[way] = start("spec/helpers/clients/closing_member.lua", way)
      expect(members[way], "^joined$")
    end
    finally(function() assert(cluster:resume(1)) end)
    assert(cluster:pause(1))
    for way, result in pairs(results) do
      assert(members[way]:write "\n")
      assert.equal(result, expect(members[way], "^done\t(.*)$"), way)
    end
    assert(cluster:resume(1))
    for way in pairs(results) do
      assert(members[way]:write "\n")
      assert.equal(0, members[way]:wait(60), way)
    end
    assert(cluster:wait_for(function() return #watching.lines == 4 end, 60, "three members to leave"))
    assert.same({ "joined", "left\tprocdown", "left\tprocdown", "left\tprocdown" }, watching.lines)
    watching:kill "sigkill"
  end)

  it("(the daemon) makes the watchdog name each call of each service", function()
    local asking = start "spec/helpers/clients/watchdog_calls.lua"
    finally(function() assert(cluster:resume(1)) end)
    local function named(name)
      for _, line in ipairs(asking.errors) do
        if line:find("warning: " .. name .. " has not returned for", 1, true) then
          return true
        end
      end
    end
    for count = 1, math.huge do
      assert(cluster:wait_for(function() return #asking.lines >= count or asking.exited end, 60, "the next call"))
      local name = (asking.lines[count] or ""):match "^next\t(.*)"
      if not name then
        assert.equal("end", asking.lines[count], table.concat(asking.errors, "\n"))
        break
      end
      assert(cluster:pause(1))
      assert(asking:write "\n")
      assert(cluster:wait_for(function() return named(name) or asking.exited end, 60, name))
      assert(cluster:resume(1))
    end
    assert(asking:write "\n")
    assert.equal(0, asking:wait(60))
  end)

  it("(the daemon) lets a joined group list its members", function()
    local lister = start("spec/helpers/clients/member_lister.lua", "listed")
    expect(lister, "^joined$")
    assert(cluster:pause(1))
    assert(lister:write "\n")
    expect(lister, "^members\t1$")
    assert(cluster:resume(1))
    lister:close_stdin()
    assert.equal(0, lister:wait(60))
  end)

  for _, size in ipairs { 8, 100000 } do
    it(("(the daemon) lets every send of %d bytes return at little cost, and loses none"):format(size), function()
      local steady = start("spec/helpers/clients/steady_sender.lua", "steady", tostring(size))
      expect(steady, "^sending$")
      assert(cluster:pause(1))
      assert(steady:write "before\n")
      local before = tonumber(expect(steady, "^before\t(.*)$"))
      assert(not cluster:wait_for(function() return steady.exited end, 10))
      assert(steady:write "after\n")
      assert.is_true(tonumber(expect(steady, "^after\t(.*)$")) - before < 1)
      assert(cluster:resume(1))
      assert(steady:write "report\n")
      expect(steady, "^all came back$")
      assert.is_true(tonumber(expect(steady, "^timeout\t(%d+)$")) >= 2)
      assert.equal(0, steady:wait(60))
    end)
  end
end)
