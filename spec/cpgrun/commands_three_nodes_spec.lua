-- cpgrun lock and map on three nodes.
local lab = require "corosync.lab"
local program = require "spec.helpers.program"

local unpack = table.unpack or unpack -- luacheck: ignore 113

describe("cpgrun for a shell on three nodes #slow:", function()
  local cluster
  local started = {}

  local function start(node, ...)
    local it = assert(cluster:run(node, { "cpgrun", ... }, { host = true }))
    started[#started + 1] = it
    return it
  end

  -- Waits for a line on standard output or standard error.
  local function hears(it, list, pattern)
    local found
    local ok = cluster:wait_for(function()
      for _, line in ipairs(it[list]) do
        found = found or line:match(pattern)
      end
      return found
    end, 60, pattern)
    assert(ok, pattern .. "\n" .. table.concat(it.lines, "\n") .. table.concat(it.errors, "\n"))
    return found
  end

  local function ends(it, code)
    assert.same({ code, 0 }, { assert(it:wait(60)) }, table.concat(it.errors, "\n"))
  end

  local function token_until_input(lock)
    return { "lock", lock, "--", "sh", "-c", "echo $CPGRUN_TOKEN; read line" }
  end

  -- Waits for the first with a line on standard output, and takes it off the list.
  local function take_first(list)
    local first
    assert(cluster:wait_for(function()
      for i, it in ipairs(list) do
        first = first or it.lines[1] and i
      end
      return first
    end, 60, "a line"))
    return table.remove(list, first)
  end

  setup(function()
    cluster = assert(lab.start { nodes = 3, token = 500 })
  end)

  teardown(function()
    cluster:stop()
    program.remove()
  end)

  after_each(function()
    program.kill(started)
    started = {}
  end)

  it("a lock that is alone says so, and gives up after its timeout", function()
    local it = start(1, "lock", "--timeout", "4", "alone.l", "--", "echo", "never")
    hears(it, "errors", "warning: replica 'alone' is not ready: members run on too few nodes: "
      .. "start them on a majority of the nodes; waiting")
    ends(it, 124)
    hears(it, "errors", "error: replica 'alone' is not ready after 4 s: members run on too few nodes")
    assert.same({}, it.lines)
  end)

  it("two locks begin a replica, and take turns with growing tokens", function()
    local all = { start(1, unpack(token_until_input "pair.l")), start(2, unpack(token_until_input "pair.l")),
      start(3, unpack(token_until_input "pair.l")) }
    local one = take_first(all)
    for _, it in ipairs(all) do
      assert.same({}, it.lines)
    end
    assert(one:write "\n")
    ends(one, 0)
    assert.is_true(tonumber(take_first(all).lines[1]) > tonumber(one.lines[1]))
  end)

  it("a waiting lock is granted when a command that began the replica has ended", function()
    local all = { start(1, unpack(token_until_input "later.l")), start(2, unpack(token_until_input "later.l")) }
    local one = take_first(all)
    all[#all + 1] = start(3, unpack(token_until_input "later.l"))
    local list
    repeat
      list = start(2, "members", "later.replica")
      ends(list, 0)
    until #list.lines == 3
    assert(one:write "\n")
    ends(one, 0)
    assert.is_true(tonumber(take_first(all).lines[1]) > tonumber(one.lines[1]))
  end)

  it("commands follow a script's replica as observers", function()
    local path = program.file("holder.lua", [[
      local replica = require "corosync.replica"
      local app = assert(replica "held")
      require("luv").new_timer():start(50, 50, function()
        print("full", #select(4, app:status()), #select(5, app:status()))
      end)]])
    local script = start(1, "--group", "plain", path)
    start(2, "--group", "plain", path)
    start(3, "--group", "plain", path)
    hears(script, "lines", "^(full\t3)\t0$")
    local it = start(2, "lock", "held.l", "--", "sh", "-c", "echo up; read line")
    hears(it, "lines", "^up$")
    hears(script, "lines", "^(full\t3)\t1$")
    it:kill "sigstop"
    local set = start(3, "map", "held.m", "set", "k", "v")
    ends(set, 0)
    it:kill "sigcont"
    assert(it:write "\n")
    ends(it, 0)
    for _, line in ipairs(script.lines) do
      assert.matches("^full\t[0-3]\t", line)
    end
  end)

  it("a lock is lost where the cluster is cut, and the command ends before another begins", function()
    local path = program.file("members.lua", 'map "m"')
    for node = 1, 3 do
      local it = start(node, "--group", "cut", path)
      hears(it, "errors", "info: joined")
    end
    local words = { "lock", "--grace", "0", "cut.l", "--", "sh", "-c", "echo up; exec sleep 600" }
    local holder = start(3, unpack(words))
    hears(holder, "lines", "^up$")
    local other = start(1, unpack(words))
    assert(cluster:partition({ 1, 2 }, { 3 }))
    hears(other, "lines", "^up$")
    hears(holder, "errors", "error: lock 'l' was lost %(expired%): ending the command")
    ends(holder, 123)
    assert(cluster:heal())
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)
end)
