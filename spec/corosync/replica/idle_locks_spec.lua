-- Locks that a process has used and no longer uses.
local entries = require "corosync.replica.lock.entries"
local part = require "corosync.replica.lock.part"
local parts = require "corosync.replica.parts"
local replicas = require "spec.helpers.replicas"

describe("a lock that is no longer used", function()
  after_each(replicas.clean)

  local app, member

  before_each(function()
    app = replicas.new()
    local get = entries.get
    entries.get = function(own, name)
      member = own
      return get(own, name)
    end
    assert(app:lock("first"):acquire()):release()
    entries.get = get
  end)

  it("costs no checks and no memory", function()
    for i = 1, 20 do
      local held = assert(app:lock("job " .. i):acquire())
      assert.equal(held.token, app:lock("job " .. i).token)
      assert(held:release())
    end
    assert(replicas.eventually(function() return #entries.list_active(member) == 0 end))
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(entries.of(member).by_name))
  end)

  it("keeps the token of its last grant as long as there is an object", function()
    local lock = app:lock "job"
    local token = assert(lock:acquire()).token
    assert(lock:release())
    assert(replicas.eventually(function() return #entries.list_active(member) == 0 end))
    collectgarbage()
    assert.equal(token, lock.token)
    assert.is_true(assert(lock:acquire()).token > token)
  end)

  it("is released when a command of the process was late", function()
    local session, is_held = member:session(), false
    assert(entries.submit(member, "acquire", session, "late", nil, function()
      is_held = app:lock("late"):holder() ~= nil
    end))
    assert(replicas.eventually(function() return is_held end))
    assert(replicas.eventually(function() return app:lock("late"):holder() == nil end))
  end)

  it("is requested again if it was granted while the member was away, because it may be reported as gone", function()
    local OTHER, held, granted = "9:9#other", nil, nil
    member.is_present = function() return true end
    assert(entries.submit(member, "acquire", OTHER, "x", nil, function() end))
    local lock = app:lock "x"
    assert(replicas.eventually(function() return lock:holder() ~= nil end))
    coroutine.wrap(function() held = assert(lock:acquire()) end)()
    assert(replicas.eventually(function() return #select(4, lock:holder()) == 1 end))
    local submitted = entries.submit(member, "release", OTHER, "x", select(2, lock:holder()), function()
      granted = select(2, lock:holder())
    end)
    assert(submitted)
    part.restored(member, parts.states(member))
    assert(replicas.eventually(function() return held end))
    assert.is_true(held.token > granted)
    assert.equal(held.token, select(2, lock:holder()))
  end)
end)
