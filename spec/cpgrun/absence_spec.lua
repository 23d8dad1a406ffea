local KEY = require "corosync.private"
local absence = require "cpgrun.absence"
local core = require "corosync.binding"
local log = require "cpgrun.log"
local registry = require "corosync.replica.registry"
local uv = require "luv"

describe("cpgrun's warnings of absence", function()
  local before, look, warnings, now

  before_each(function()
    before = { now = core.now, timer = uv.new_timer, warning = log.warning, members = registry.members }
    warnings, now = {}, 0
    core.now = function() return now end
    uv.new_timer = function()
      return { start = function(_, _, _, f) look = f end, unref = function() end }
    end
    log.warning = function(...) warnings[#warnings + 1] = string.format(...) end
  end)

  after_each(function()
    core.now, uv.new_timer, log.warning, registry.members = before.now, before.timer, before.warning, before.members
  end)

  -- Looks every 10 s, as for a group whose timeout is 10 s. Before each look but the first, calls f.
  local function watch(group, f)
    absence.watch(group, {})
    for _ = 1, 3 do
      now = now + 10
      if f then f() end
      look()
    end
  end

  local function group_that_is(state)
    return { name = "g", [KEY] = { state = state, counters = { config_changes = 0 } } }
  end

  local function with_replica(member)
    member.state = function() return "blocked", "no quorum" end
    registry.members = function() return { app = member } end
  end

  it("count from when a replica was suspended, not from an earlier time", function()
    local member = { times_ready = 0 }
    with_replica(member)
    watch(group_that_is "joined", function() member.times_ready = member.times_ready + 1 end)
    assert.same({}, warnings)
  end)

  it("are logged each time after twice as long, while a replica is not ready", function()
    with_replica {}
    watch(group_that_is "joined")
    assert.same({
      "replica 'app' is still not ready after 10 s: no quorum",
      "replica 'app' is still not ready after 20 s: no quorum",
    }, warnings)
  end)

  it("count from when a group was disconnected, not from an earlier time", function()
    registry.members = function() return {} end
    local group = group_that_is "reconnecting"
    local own = group[KEY].counters
    watch(group, function() own.config_changes = own.config_changes + 1 end)
    assert.same({}, warnings)
    watch(group)
    assert.equal("group 'g' is still disconnected after 10 s; retrying (see Corosync's log)", warnings[1])
  end)
end)
