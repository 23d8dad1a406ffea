local codec = require "corosync.replica.codec"
local core = require "corosync.binding"
local lease = require "corosync.replica.lock.lease"
local lock_members = require "spec.helpers.lock_members"
local part = require "corosync.replica.lock.part"
local program = require "spec.helpers.program"
local replicas = require "spec.helpers.replicas"
local state = require "corosync.replica.lock.state"

local function refused(code, text, ok, message, got)
  assert.is_nil(ok)
  assert.equal(code, got, message)
  assert.matches(text, message, 1, true)
end

describe("the state of locks", function()
  local all, index

  local function apply(operation, session, name, token)
    index = index + 1
    state.apply(all, { "lock", operation, session, 1000 + index, name, token }, index)
  end

  before_each(function() all, index = { lock = state.initial() }, 0 end)

  it("is the same when commands are repeated", function()
    apply("acquire", "1:1#a", "x")
    apply("acquire", "1:1#a", "x")
    apply("acquire", "2:1#a", "x")
    apply("acquire", "2:1#a", "x")
    assert.same({ x = { holder = "1:1#a", token = 1, since = 1001, waiters = { "2:1#a" } } }, all.lock)
    for _ = 1, 2 do apply("release", "1:1#a", "x", 1) end
    assert.same({ x = { holder = "2:1#a", token = 5, since = 1005, waiters = {} } }, all.lock)
    for _ = 1, 2 do apply("withdraw", "2:1#a", "x") end
    assert.same({}, all.lock)
  end)

  it("does not change when others release, or with another token", function()
    apply("acquire", "1:1#a", "x")
    apply("release", "2:1#a", "x", 1)
    apply("release", "1:1#a", "x", 7)
    apply("withdraw", "2:1#a", "x")
    apply("release", "1:1#a", "y", 1)
    assert.same({ x = { holder = "1:1#a", token = 1, since = 1001, waiters = {} } }, all.lock)
  end)

  it("drops a session that is gone", function()
    apply("acquire", "1:1#a", "x")
    apply("acquire", "2:1#a", "x")
    apply("acquire", "3:1#a", "x")
    apply("acquire", "2:1#a", "y")
    apply("gone", "2:1#a", false, index)
    assert.same({ x = { holder = "1:1#a", token = 1, since = 1001, waiters = { "3:1#a" } } }, all.lock)
    apply("gone", "1:1#a", false, index)
    assert.same({ x = { holder = "3:1#a", token = 6, since = 1006, waiters = {} } }, all.lock)
  end)

  it("keeps the locks that a session got after it was seen to be gone", function()
    apply("acquire", "1:1#a", "x")
    local seen = index
    apply("release", "1:1#a", "x", 1)
    apply("acquire", "1:1#a", "x")
    apply("gone", "1:1#a", false, seen)
    assert.same({ x = { holder = "1:1#a", token = 3, since = 1003, waiters = {} } }, all.lock)
    apply("gone", "1:1#a", false, 3)
    assert.same({}, all.lock)
  end)

  -- A member "1:1#b", and the list of the commands that it submits.
  local function new_member()
    local submitted = {}
    local member = { address = "1:1", parts = { lock = {} }, present = {}, ended = {},
      protocol = { active = { tag = "1" }, log = { index = index } },
      machines = { by_name = { corosync = { state = all, chain = { last = index } } } } }
    function member.machines.by_name.corosync.encode(_, command) return codec.encode(command) end
    function member.session() return "1:1#b" end
    function member.is_present() return true end
    function member.submit(_, _, data)
      submitted[#submitted + 1] = codec.decode(data)
      return true
    end
    return member, submitted
  end

  it("are kept for as long as a silent holder may rely on them, even if it was excluded at once", function()
    apply("acquire", "2:1#a", "x")
    local member, submitted = new_member()
    member.options = { patience = 0.001 }
    member.present["2:1"] = true
    function member.is_present() return false end
    local holders = lease.new({ options = { patience = 60 } }, function() end)
    holders:measure()
    holders:note(core.now())
    assert(replicas.eventually(function()
      part.maintain(member, all)
      return #submitted > 0
    end))
    assert.is_false(holders:is_valid())
    assert.same({ "lock", "gone", "2:1#a" }, { submitted[1][1], submitted[1][2], submitted[1][3] })
  end)

  it("is freed when a later process takes an earlier one's address", function()
    apply("acquire", "1:1#a", "x")
    apply("acquire", "2:1#a", "x")
    local member, submitted = new_member()
    part.maintain(member, all)
    assert.equal(1, #submitted)
    assert.same({ "lock", "gone", "1:1#a" }, { submitted[1][1], submitted[1][2], submitted[1][3] })
    function member.session() return "1:1#a" end
    member.parts.lock = {}
    part.maintain(member, all)
    assert.equal(1, #submitted)
  end)
end)

describe("a lock of a replica on one node", function()
  after_each(replicas.clean)

  it("is held from acquire to release, by one holder after another with growing tokens", function()
    local app = replicas.new()
    local lock = app:lock "backup"
    assert.is_nil(lock:holder())
    assert.equal(0, lock.token)
    local held = assert(lock:acquire { timeout = 5 })
    assert.equal("backup", held.name)
    assert.equal(held.token, lock.token)
    local address, token, since, waiters = lock:holder()
    assert.equal(app:address(), address)
    assert.equal(app:address(), select(4, app:status())[1])
    assert.same({ held.token, {} }, { token, waiters })
    assert.is_true(since <= os.time() and since > os.time() - 60)
    assert.is_true(held:release())
    assert(app:barrier())
    assert.is_nil(lock:holder())
    local again = assert(lock:acquire())
    assert.is_true(again.token > held.token)
  end)

  it("fails to be acquired twice by one process, or released twice", function()
    local app = replicas.new()
    local lock = app:lock "backup"
    refused("not_holding", "this process does not hold it", lock:release())
    local held = assert(lock:acquire())
    refused("held", "this process holds it already", lock:acquire())
    refused("held", "this process holds it already", app:lock("backup"):acquire { timeout = 0 })
    assert.is_true(lock:release())
    refused("not_holding", "token", held:release())
    refused("not_holding", "this process does not hold it", lock:release())
  end)

  it("is not released through an earlier grant", function()
    local lock = replicas.new():lock "backup"
    local old = assert(lock:acquire())
    assert(old:release())
    local held = assert(lock:acquire())
    refused("not_holding", "no longer held", old:release())
    assert.equal(held.token, select(2, lock:holder()))
    assert.is_true(held:release())
  end)

  it("is acquired in coroutines, one at a time", function()
    local app = replicas.new()
    local lock, order = app:lock "backup", {}
    coroutine.wrap(function()
      local held = assert(lock:acquire())
      order[#order + 1] = "held"
      assert(held:release())
      assert(lock:acquire())
      order[#order + 1] = "again"
    end)()
    refused("acquiring", "waits for it already", lock:acquire())
    assert(replicas.eventually(function() return order[2] end))
    assert.same({ "held", "again" }, order)
  end)

  it("is acquired and released while the script's commands always fill the window", function()
    local list, app = replicas.listed { window = 1 }
    local function fill()
      list:submit("x", fill)
    end
    fill()
    local lock = app:lock "l"
    local held = assert(lock:acquire { timeout = 20 })
    held:release()
    assert(replicas.eventually(function() return lock:holder() == nil end))
  end)

  it("is lost when the replica is closed, and cannot be acquired then", function()
    local app = replicas.new()
    local reasons = {}
    local held = assert(app:lock("one"):acquire { lost = function(reason) reasons[#reasons + 1] = reason end })
    assert(app:close())
    assert.same({ "closed" }, reasons)
    refused("not_holding", "no longer held", held:release())
    refused("closed", "the replica was closed", app:lock("one"):acquire())
    assert.same({ "closed" }, reasons)
  end)

  it("can be waited for in a function that the replica calls only in a coroutine", function()
    local app = replicas.new { error = function() end }
    local result, held
    local machine = app:machine("m", { apply = function() end, changed = function()
      result = { app:lock("x"):acquire() }
      coroutine.wrap(function() held = assert(app:lock("x"):acquire()) end)()
    end })
    assert(machine:submit "x")
    refused("dispatching", "acquire it in a coroutine", nil, result[2], result[3])
    assert(replicas.eventually(function() return held end))
  end)

  it("is lost once, and by each of its holders, when the replica is closed in between", function()
    local app = replicas.new()
    local lost = {}
    for _, name in ipairs { "a", "b" } do
      assert(app:lock(name):acquire { lost = function(reason)
        lost[#lost + 1] = name .. " " .. reason
        app:lock "c":acquire()
      end })
    end
    assert(app:close())
    table.sort(lost)
    assert.same({ "a closed", "b closed" }, lost)
  end)

  -- Begins to acquire a lock in a coroutine that ends before it has the lock.
  local function begin_and_end(acquire)
    local routine
    if coroutine.close then
      routine = coroutine.create(acquire)
      assert(coroutine.resume(routine))
      assert.is_true(coroutine.close(routine))
    else -- Lua 5.1 cannot yield in a metamethod
      local object = setmetatable({}, { __index = acquire })
      routine = coroutine.create(function() return object.field end)
      assert.is_false(coroutine.resume(routine))
    end
  end

  if coroutine.close or _VERSION == "Lua 5.1" and not jit then
    it("is free, and can be acquired again at once, when the coroutine that waits for it has ended", function()
      local app = replicas.new()
      local lock = app:lock "x"
      replicas.ready(app)
      local got
      begin_and_end(function() got = lock:acquire() end)
      assert.is_true(assert(lock:acquire { timeout = 5 }):release())
      begin_and_end(function() got = lock:acquire() end)
      assert(app:barrier())
      assert(replicas.eventually(function() return lock:holder() == nil end))
      begin_and_end(function() got = app:barrier() end)
      assert(app:barrier())
      assert.is_nil(got)
      refused("not_holding", "", lock:release())
    end)
  end

  if _VERSION >= "Lua 5.4" then
    it("is released when its variable goes out of scope", function()
      local app = replicas.new()
      local lock = app:lock "scope"
      assert(load([[
        local lock = ...
        do local held <close> = assert(lock:acquire()) end
        assert(select(3, lock:release()) == "not_holding")
      ]]))(lock)
      assert(app:barrier())
      assert.is_nil(lock:holder())
    end)
  end

  it("raises for wrong arguments with their names", function()
    local app = replicas.new()
    local function problem(...)
      local ok, message = pcall(...)
      assert.is_false(ok)
      return message
    end
    local lock = app:lock "x"
    assert.matches("lock_spec.lua:%d+: bad argument #1 'name' to 'lock' %(string expected, got nil%)",
      problem(function() app:lock(nil) end))
    assert.matches("#1 'name' to 'lock' %(1 to 128 bytes", problem(app.lock, app, ("x"):rep(129)))
    assert.matches("#1 'options' to 'acquire' %(table expected, got number%)", problem(lock.acquire, lock, 5))
    assert.matches("unknown field 'timeot'", problem(lock.acquire, lock, { timeot = 1 }))
    assert.matches("field 'timeout': number expected, got string", problem(lock.acquire, lock, { timeout = "1" }))
    assert.matches("field 'timeout': at least 0 expected, got %-1", problem(lock.acquire, lock, { timeout = -1 }))
    assert.matches("field 'lost': function expected, got string", problem(lock.acquire, lock, { lost = "x" }))
  end)
end)

describe("a lock of a replica on three nodes #slow #jit", function()
  local members

  setup(function() members = lock_members.new() end)
  teardown(function() assert(members.cluster:stop()) end)
  before_each(function() members:start_all() end)
  after_each(function() members:end_all() end)

  it("goes to the waiters in order", function()
    local first = members:acquire(2, "x")
    local last = first
    members:tell(3, "acquire x")
    members:waiting(3, "x", 1)
    members:tell(1, "acquire x")
    local waiters = members:waiting(3, "x", 2)
    assert.matches("^3:%d+,1:%d+$", waiters)
    for _, step in ipairs { { 2, 3 }, { 3, 1 } } do
      members:tell(step[1], "release x")
      local token = members:granted(step[2], "x")
      assert.is_true(token > last)
      last = token
    end
  end)

  it("is waited for until the timeout; then the waiter leaves the queue", function()
    members:acquire(1, "x")
    members:tell(2, "acquire x 0")
    members:await(2, "^failed x timeout")
    members:tell(2, "acquire x 0.5")
    members:await(2, "^failed x timeout")
    members:tell(3, "acquire x")
    members:waiting(2, "x", 1)
    members:tell(1, "release x")
    members:granted(3, "x")
    members:acquire(2, "free", 0)
  end)

  it("passes to the next living waiter when its holder is killed", function()
    local first = members:acquire(1, "x")
    members:tell(2, "acquire x")
    members:waiting(3, "x", 1)
    members:tell(3, "acquire x")
    members:waiting(3, "x", 2)
    assert(members.cluster:kill_host(2))
    members:waiting(3, "x", 1)
    members:start(2) -- so that two nodes of three are left when node 1's process ends
    members:await(2, "^ready")
    assert(members.cluster:kill_host(1))
    assert.is_true(members:granted(3, "x") > first)
  end)

  it("passes to the next waiter when its holder leaves", function()
    local first = members:acquire(1, "x")
    members:tell(2, "acquire x")
    members:waiting(3, "x", 1)
    members:tell(1, "close")
    assert.equal("closed", (members:lost(1, "x")))
    assert.is_true(members:granted(2, "x") > first)
  end)

  it("passes to the next waiter when the holder's Corosync is killed, after the holder was told", function()
    local first = members:acquire(1, "x")
    members:tell(2, "acquire x")
    members:waiting(3, "x", 1)
    assert(members.cluster:kill(1))
    local reason, told = members:lost(1, "x")
    assert.equal("disconnected", reason)
    local token, granted = members:granted(2, "x")
    assert.is_true(token > first and told < granted)
  end)

  it("is kept by a holder in the majority when other nodes are killed and cut off", function()
    local token = members:acquire(1, "x")
    assert(members.cluster:kill(3))
    members:tell(2, "acquire y") -- confirmed without node 3
    members:granted(2, "y")
    assert(members.cluster:restart(3))
    members:await(3, "^ready")
    assert(members.cluster:partition({ 2 }))
    members:tell(3, "acquire z")
    members:granted(3, "z")
    assert(members.cluster:heal())
    members:await(2, "^ready")
    members.programs[1].seen = 0
    assert.is_nil(members:find(1, "^lost"))
    members:tell(1, "write x")
    assert.equal(token, tonumber((members:await(1, "^write x (%d+)"))))
  end)

  it("is lost on the side that is cut off before the other side gets it, in each of several cuts", function()
    for round = 0, 4 do
      local holder, other = round % 3 + 1, (round + 1) % 3 + 1
      local last = members:acquire(holder, "x")
      members:tell(other, "acquire x")
      members:waiting(other, "x", 1)
      assert(members.cluster:partition({ holder }))
      local reason, told = members:lost(holder, "x")
      assert.equal("expired", reason)
      local token, granted = members:granted(other, "x")
      assert.is_true(told < granted, ("told %g s after the grant"):format(told - granted))
      assert.is_true(token > last)
      assert(members.cluster:heal())
      members:await(holder, "^ready")
      members:tell(other, "release x")
    end
  end)

  it("is lost by a paused holder when it continues, with an old token", function()
    local first = members:acquire(1, "x")
    members:tell(2, "acquire x")
    members:waiting(3, "x", 1)
    members.programs[1]:kill "sigstop"
    local token = members:granted(2, "x")
    assert.is_true(token > first)
    members:tell(1, "write x") -- it is there when the process continues
    members.programs[1]:kill "sigcont"
    local written = tonumber((members:await(1, "^write x (%d+)")))
    assert.is_true(written < token)
    members.programs[1].seen = 0
    members:lost(1, "x")
    assert.is_nil(members:find(1, "^lost"))
    members:tell(1, "release x")
    members:await(1, "^released x not_holding")
  end)

  it("has growing tokens after all processes have restarted", function()
    local last = 0
    for _ = 1, 3 do
      local token = members:acquire(1, "x")
      assert.is_true(token > last)
      last = token
      members:end_all()
      for node = 1, 3 do members:start(node) end
      for node = 1, 3 do members:await(node, "^ready") end
    end
  end)

  it("is freed when all processes have ended and come back with their storage", function()
    local files = {}
    for node = 1, 3 do files[node] = program.file("locks-" .. node) end
    local last = 0
    members.name = "stored"
    for round = 1, 3 do
      members:end_all()
      for node = 1, 3 do members:start(node, files[node]) end
      for node = 1, 3 do members:await(node, "^ready") end
      local token = members:acquire(round, "x")
      assert.is_true(token > last)
      last = token
    end
    members:end_all()
    program.remove()
  end)

  it("cannot be acquired without a majority", function()
    assert(members.cluster:partition({ 1 }))
    members:await(1, "^suspended")
    members:tell(1, "acquire x 0.5")
    members:await(1, "^failed x not_ready")
    members:acquire(2, "x")
  end)
end)
