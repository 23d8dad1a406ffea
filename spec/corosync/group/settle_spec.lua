local KEY = require "corosync.private"
local core = require "corosync.core"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local loops = require "spec.helpers.loops"
local uv = require "luv"
local views = require "spec.helpers.views"

local texts, viewer, joined_viewer = views.texts, views.viewer, views.joined_viewer

local run = loops.run

local eventually, joined, new = groups.eventually, groups.joined, groups.new
local loop, now = corosync.loop, core.now

local refused = groups.refused

describe("group.settle #slow", function()
  local SETTLE = 0.4

  after_each(groups.clean)

  -- A group that notes when its configurations and its views come.
  local function timed(settle)
    local configs, seen = {}, {}
    local group = new {
      settle = settle,
      config_change = function() configs[#configs + 1] = now() end,
      view_change = function(view) seen[#seen + 1] = { at = now(), view = view } end,
    }
    return group, configs, seen
  end

  -- No upper limit: this process or the daemon may get no CPU for a while.
  local function check_times(configs, seen)
    local pause = seen[#seen].at - configs[#configs]
    assert.is_true(pause > SETTLE - 0.01, "told after " .. pause)
  end

  it("raises for invalid values", function()
    assert.has_error(function() corosync.group("name", { settle = "1" }) end)
    assert.has_error(function() corosync.group("name", { settel = 1 }) end)
    assert.has_error(function() corosync.group("name", { view_change = 1 }) end)
    local ok, message = pcall(corosync.group, "name", { settle = "1" })
    assert.is_false(ok)
    assert.matches("field 'settle': number expected, got string", message)
    local class = { settle = function() end }
    class.__index = class
    ok, message = pcall(corosync.group, "name", class)
    assert.is_false(ok)
    assert.matches("field 'settle': number expected, got function", message)
    assert.equal(0, corosync.group("name", {}).settle)
    assert.equal(2.5, corosync.group("name", { settle = 2.5 }).settle)
  end)

  it("delays a view when only wait_for is used", function()
    local group, configs, seen = timed(1000)
    assert(group:activate())
    assert(group:wait_for(function() return #configs > 0 end))
    refused("timeout", group:wait_for(function() return #seen > 0 end, SETTLE / 2))
    assert.equal(1, #configs)
    refused("try_again", group:view())
    group.settle = SETTLE
    assert(group:wait_for(function() return #seen > 0 end))
    check_times(configs, seen)
    assert.is_false(group[KEY].pollset:wait(0))
  end)

  it("delays a view in a poll loop, without repeated wake-ups", function()
    local group, configs, seen = timed(SETTLE)
    assert(group:activate())
    local fd = assert(group:fd())
    local poll, rounds, limit = uv.new_poll(fd), 0, uv.new_timer()
    limit:start(60000, 0, function() poll:stop() end)
    limit:unref()
    poll:start("r", function()
      rounds = rounds + 1
      assert.equal(fd, group:fd())
      group:dispatch()
      if #seen > 0 then poll:stop() end
    end)
    uv.run()
    poll:close()
    limit:close()
    assert.equal(1, #seen)
    check_times(configs, seen)
    assert.is_true(rounds < 20, rounds .. " rounds")
  end)

  it("delays a view in the loop", function()
    local group, configs, seen = timed(SETTLE)
    local tell = group[KEY].handlers.view_change
    group[KEY].handlers.view_change = function(view)
      tell(view)
      loop.stop()
    end
    assert(loop.add(group))
    local used = os.clock()
    run()
    check_times(configs, seen)
    assert.is_true(os.clock() - used < SETTLE / 2)
    loop.remove(group)
  end)

  it("restarts with each change and merges the changes into one view", function()
    local group, configs, seen = timed(SETTLE)
    assert(group:activate())
    assert(eventually(function() return #seen == 1 end))
    local programs, addresses = {}, {}
    for i = 1, 3 do
      programs[i], addresses[i] = viewer(group.name)
    end
    for i = 1, 2 do
      assert(programs[i]:write "join\n")
    end
    assert(group:wait_for(function() return #configs == 3 end))
    local middle = now() + SETTLE / 2
    assert(group:wait_for(function() return now() > middle end, SETTLE * 0.6) or now() > middle)
    assert(programs[3]:write "join\n")
    assert(group:wait_for(function() return #configs == 4 and #seen[#seen].view.members == 4 end))
    check_times(configs, seen)
    -- One more view for each change that came after the view before it was settled.
    local most = 2
    for i = 3, 4 do
      most = most + (configs[i] - configs[i - 1] > SETTLE - 0.01 and 1 or 0)
    end
    assert.is_true(#seen <= most, #seen .. " views")
    local found = {}
    for i = 2, #seen do
      for _, text in ipairs(texts(seen[i].view.joined)) do found[#found + 1] = text end
    end
    table.sort(addresses)
    table.sort(found)
    assert.same(addresses, found)
  end)

  it("hides members that came and left, and shows members that left and came back", function()
    local group, configs, seen = timed(SETTLE)
    local staying, staying_address = joined_viewer(group.name)
    local visitor = viewer(group.name)
    assert(group:activate())
    assert(eventually(function() return #seen > 0 and #seen[#seen].view.members == 2 end))
    local told, before = #seen, #configs
    group.settle = 1000
    assert(visitor:write "join\n")
    assert(eventually(function() return #configs == before + 1 end))
    assert(visitor:write "leave\n")
    assert(staying:write "leave\n")
    assert(eventually(function() return groups.has_line(staying, "left") end))
    assert(staying:write "join\n")
    assert(eventually(function() return #configs == before + 4 end))
    assert.equal(told, #seen)
    group.settle = SETTLE
    assert(eventually(function() return #seen == told + 1 end))
    check_times(configs, seen)
    local view = seen[#seen].view
    assert.same({ { staying_address }, { staying_address } }, { texts(view.left), texts(view.joined) })
    assert.equal(2, #view.members)
  end)

  it("can be changed while the group is active", function()
    local group, configs, seen = timed(0)
    assert(group:activate())
    assert(eventually(function() return #seen == 1 end))
    group.settle = SETTLE
    joined_viewer(group.name)
    assert(eventually(function() return #seen == 2 end))
    check_times(configs, seen)
    group.settle = 1000
    joined_viewer(group.name)
    assert(eventually(function() return #configs == 3 end))
    group:dispatch()
    assert.equal(2, #seen)
    group.settle = 0
    group:dispatch()
    assert.equal(3, #seen)
  end)

  it("can be a field of a class beside its view_change method", function()
    local Class = { settle = SETTLE }
    Class.__index = Class
    function Class:config_change() self.configs = { now() } end
    function Class:view_change(view) self.seen = { { at = now(), view = view } } end
    local Derived = setmetatable({}, Class)
    local group = joined(Derived)
    assert(eventually(function() return group.seen end))
    check_times(group.configs, group.seen)
    assert.is_true(rawequal(group:view(), group.seen[1].view))
    Class.settle = 1000
    group.settle = 0
    group.seen = nil
    joined_viewer(group.name)
    assert(eventually(function() return group.seen end))
    assert.equal(1000, Class.settle)
  end)
end)
