-- Calls of functions on other members, which are processes of one node.
local corosync_loop = require "corosync.loop"
local replicas = require "spec.helpers.replicas"

local hears, run, spawn = replicas.hears, replicas.run, replicas.spawn

local FUNCTIONS = [[
  list = list()
  rpc = app:calls {
    sum = function(a, b) return a + b end,
    echo = function(...) return { count = select("#", ...), ... } end,
    nothing = function() end,
    fail = function() error "no luck" end,
    unsendable = function() return print end,
    submit = function(command)
      local result, _, code = list:submit(command)
      return result or code
    end,
    mine = function() return "mine" end,
    silent = function() coroutine.yield() end,
    die = function() os.exit(0) end,
    leave = function() app:close() end,
    nested = function() return (rpc:any "mine") end,
  }
]]

local function all(iterator)
  local found, order = {}, {}
  for member, ok, value, code in iterator do
    order[#order + 1] = tostring(member)
    found[tostring(member)] = { ok, value, code }
  end
  return found, order
end

local function refused(code, pattern, ok, message, got)
  assert.is_nil(ok)
  assert.equal(code, got, message)
  assert.matches(pattern, message)
end

-- In Lua 5.1 a called function cannot wait.
local can_wait = _VERSION ~= "Lua 5.1" or jit ~= nil
local it_waits = can_wait and it or function() end

describe("calls of a replica", function()
  after_each(replicas.clean)

  local app, rpc, other, address

  -- This process, with functions of its own, and another one.
  local function begin(functions, source)
    app = replicas.new()
    rpc = app:calls(functions or {})
    replicas.ready(app)
    other = spawn(app.name, source or FUNCTIONS)
    hears(other, "^ready$")
    run(other, "print('self', ('%d'):format(require('luv').os_getpid()))")
    local pid = tonumber((hears(other, "^self\t(%d+)$")))
    for _, list in ipairs { (select(4, app:status())), (select(5, app:status())) } do
      for _, each in ipairs(list) do
        address = each.pid == pid and each or address
      end
    end
  end

  local function both(name, ...)
    local found, order = all(rpc:all(name, ...))
    assert.equal(2, #order)
    local own = order[1] == tostring(address) and order[2] or order[1]
    return found[own], found[tostring(address)]
  end

  describe("one", function()
    it("returns the function's value, and true for none", function()
      begin()
      assert.equal(5, rpc:one(address, "sum", 2, 3))
      assert.is_true(rpc:one(address, "nothing"))
    end)

    it("passes all arguments that can be sent, nils between them too", function()
      begin()
      local got = rpc:one(address, "echo", "a\0", nil, { 1, { b = true } }, false, 1.5, nil)
      assert.same({ count = 6, "a\0", nil, { 1, { b = true } }, false, 1.5 }, got)
    end)

    it("takes only a last table with nothing but a timeout as options", function()
      begin()
      assert.equal(1, rpc:one(address, "echo", 1, { timeout = 5 }).count)
      assert.equal(2, rpc:one(address, "echo", 1, { timeout = 5, x = 1 }).count)
      assert.equal(2, rpc:one(address, "echo", { timeout = 5 }, 1).count)
    end)

    it("fails with raised, and the error's place", function()
      begin()
      refused("raised", ":%d+: no luck\nstack traceback", rpc:one(address, "fail"))
    end)

    it("fails with not_exist for an unknown function, and on members without functions", function()
      begin()
      refused("not_exist", "^member 1:%d+ has no function 'unknown'$", rpc:one(address, "unknown"))
      local bare = spawn(app.name, "")
      hears(bare, "^ready$")
      local _, order = all(rpc:all "sum")
      assert.equal(3, #order)
      local codes = {}
      for _, answer in pairs((all(rpc:all("sum", 1, 2)))) do
        codes[#codes + 1] = answer[3] or tostring(answer[2])
        if answer[3] then
          assert.matches("^member 1:%d+ has no function", answer[2])
        end
      end
      table.sort(codes)
      assert.same({ "3", "not_exist", "not_exist" }, codes)
    end)

    it("fails with raised when the result cannot be sent", function()
      begin()
      refused("raised", "^the result cannot be sent: .*function", rpc:one(address, "unsendable"))
    end)

    it("fails with too_big when the result or the arguments cannot be sent in one message", function()
      begin { own = function(text, count) return text:rep(count) end }
      assert.same({ false, "the result is too long to be sent", "too_big" }, (both("own", "x", 64 * 1024 * 1024)))
      refused("too_big", "the arguments are too long", rpc:any("own", ("x"):rep(64 * 1024 * 1024), 1))
      assert.same({ true, "xx" }, (both("own", "x", 2)))
    end)

    it_waits("fails with timeout when the function does not return", function()
      begin()
      refused("timeout", "no reply in time", rpc:one(address, "silent", { timeout = 0.5 }))
      assert.equal(5, rpc:one(address, "sum", 2, 3))
    end)

    it("fails with gone when the member ends or leaves before it replies", function()
      begin()
      refused("gone", "^member %d+:%d+ has gone$", rpc:one(address, "die"))
      refused("gone", "cannot call 'sum' on a member of replica '.*': it is not a member$",
        rpc:one(address, "sum", 1, 2))
    end)

    it("calls functions of this process, too", function()
      begin { own = function(text) return text .. "!" end }
      local found, order = all(rpc:all("own", "hi"))
      local own = order[1] == tostring(address) and 2 or 1
      assert.same({ true, "hi!" }, found[order[own]])
    end)
  end)

  describe("all", function()
    it("returns each member exactly once: with a value, an error, or gone", function()
      begin { die = function() return "alive" end }
      local own, others = both "die"
      assert.same({ true, "alive" }, own)
      assert.same({ false, "gone" }, { others[1], others[3] })
      local _, order = all(rpc:all "die")
      assert.equal(1, #order)
    end)

    it_waits("tells of those that do not reply in time with timeout", function()
      begin { silent = function() return 1 end }
      local own, others = both("silent", { timeout = 0.5 })
      assert.same({ true, 1 }, own)
      assert.same({ false, "timeout" }, { others[1], others[3] })
    end)
  end)

  describe("any", function()
    it("returns the first result that succeeds", function()
      begin { mine = function() error "not here" end }
      assert.equal("mine", rpc:any "mine")
    end)

    it_waits("does not wait for those that do not reply", function()
      begin { silent = function() return "fast" end }
      assert.equal("fast", rpc:any("silent", { timeout = 600 }))
    end)

    it("fails with a member's code if none succeeds", function()
      begin { fail = function() error "nor here" end }
      refused("raised", "no luck", rpc:any "fail")
      refused("not_exist", "^member 1:%d+ has no function 'unknown'$", rpc:any "unknown")
    end)
  end)

  describe("a called function", function()
    it("may submit and call others where Lua lets it wait", function()
      begin { mine = function() return "first" end }
      if can_wait then
        assert.equal(1, rpc:one(address, "submit", "x"))
        assert.is_truthy(rpc:one(address, "nested"))
      else
        assert.equal("dispatching", rpc:one(address, "submit", "x"))
      end
    end)

    it("may leave: the caller learns that it has gone", function()
      begin()
      assert.equal("gone", select(3, rpc:one(address, "leave")))
    end)
  end)

  it("are the only methods of their object", function()
    rpc = replicas.new():calls {}
    local found = {}
    for name in pairs(getmetatable(rpc).__index) do
      found[name] = true
    end
    assert.same({ __index = true, all = true, any = true, one = true }, found)
    assert.is_nil(next(rpc, next(rpc))) -- but for its private field
  end)

  it("wait for the join when they are made before", function()
    app = replicas.new()
    rpc = app:calls { sum = function(a, b) return a + b end }
    assert.equal(3, rpc:any("sum", 1, 2))
  end)

  it("may be made in a coroutine, and many at once", function()
    begin()
    local sums = {}
    for i = 1, 20 do
      coroutine.wrap(function() sums[i] = rpc:one(address, "sum", i, 0) end)()
    end
    assert(replicas.eventually(function() return #sums == 20 end))
    for i = 1, 20 do
      assert.equal(i, sums[i])
    end
  end)

  it("fail with dispatching where nothing can wait", function()
    begin()
    local outcome
    local list = replicas.list(app, "local", { changed = function()
      local _, order = all(rpc:all("sum", 1, 2))
      outcome = { #order, rpc:one(address, "sum", 1, 2) }
    end })
    assert(list:submit "x")
    assert.equal(0, outcome[1])
    refused("dispatching", "call in a coroutine", outcome[2], outcome[3], outcome[4])
  end)

  describe("end when the replica is closed", function()
    local function closing()
      begin()
      local got
      coroutine.wrap(function() got = { rpc:one(address, "silent", { timeout = 600 }) } end)()
      assert.equal(5, rpc:one(address, "sum", 2, 3)) -- the call has its place in the order now
      assert(app:close())
      assert(replicas.eventually(function() return got end))
      return got
    end

    it_waits("with closed: those that wait", function()
      local got = closing()
      refused("closed", "the replica was closed before the reply", got[1], got[2], got[3])
    end)

    it_waits("with closed: those that are made later, in coroutines and in plain code", function()
      closing()
      local late
      coroutine.wrap(function() late = { rpc:one(address, "sum", 1, 2) } end)()
      assert.is_table(late)
      refused("closed", "the replica was closed", late[1], late[2], late[3])
      refused("closed", "the replica was closed", rpc:any("sum", 1, 2))
      local each, message, code = rpc:all("sum", 1, 2)
      assert.is_nil(each())
      refused("closed", "the replica was closed", nil, message, code)
    end)
  end)

  it("end with timeout before this member has joined, and were not sent", function()
    app = replicas.new()
    rpc = app:calls {}
    refused("timeout", "not sent, because this member had not joined the group in time", rpc:any("x", { timeout = 0 }))
  end)

  it_waits("end when the loop is stopped meanwhile", function()
    begin()
    local timer = require("luv").new_timer()
    timer:start(50, 0, function()
      timer:close()
      corosync_loop.stop()
    end)
    refused("uncertain", "the loop was stopped", rpc:one(address, "silent"))
  end)

  describe("raise for", function()
    before_each(function()
      app = replicas.new()
      rpc = app:calls {}
    end)

    for what, each in pairs {
      ["an argument that cannot be sent"] = { "bad argument #3 to 'all'", function() rpc:all("x", 1, print) end },
      ["the same to one"] = { "bad argument #3 to 'one' .*only strings, numbers", function()
        rpc:one({ node = 1, pid = 1 }, "x", function() end)
      end },
      ["a timeout that never comes"] = { "bad argument #4 to 'one' %(field 'timeout': at least 0 expected", function()
        rpc:one(address, "sum", 1, { timeout = 0 / 0 })
      end },
      ["a name that is none"] = { "bad argument #1 'name' to 'any' %(string expected, got nil%)", function()
        rpc:any()
      end },
      ["a member that is none"] = { "bad argument #1 'member' to 'one' %(address expected, got number%)", function()
        rpc:one(1, "x")
      end },
      ["a second definition"] = { "it was called before on this replica", function() app:calls {} end },
      ["functions that are none"] = { "bad argument #1 'functions' to 'calls' %(table expected, got nil%)", function()
        replicas.new():calls()
      end },
      ["functions without names"] = { "functions by name expected, got a function at 1", function()
        replicas.new():calls { print }
      end },
    } do
      it(what, function() assert.has_error.matches(each[2], each[1]) end)
    end
  end)
end)

describe("calls of a replica whose Corosync goes #slow", function()
  it_waits("end with not_connected, and work again when it is back", function()
    local lab = require "corosync.lab"
    local cluster = assert(lab.start { nodes = 2, token = 500 })
    finally(function() cluster:stop() end)
    local name, programs = replicas.name(), {}
    for node = 1, 2 do
      programs[node] = assert(cluster:run(node, replicas.argv(name, FUNCTIONS), { host = true }))
    end
    for node = 1, 2 do
      hears(programs[node], "^ready$", 30)
    end
    run(programs[1], "for _, ok, value, code in rpc:all 'silent' do print('ended', ok, value, code) end")
    run(programs[1], "print('placed', rpc:any('sum', 1, 2))")
    hears(programs[1], "^placed\t3$")
    assert(cluster:kill(1))
    for _ = 1, 2 do
      assert.equal("false\tCorosync on this node has gone\tnot_connected", (hears(programs[1], "^ended\t(.*)$", 30)))
    end
    assert(cluster:restart(1))
    hears(programs[1], "^ready$", 60)
    run(programs[1], "for _, ok, value in rpc:all('sum', 1, 2) do print('again', ok, value) end")
    for _ = 1, 2 do
      hears(programs[1], "^again\ttrue\t3$", 30)
    end
  end)
end)
