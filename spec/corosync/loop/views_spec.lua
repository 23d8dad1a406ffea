local KEY = require "corosync.private"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local loops = require "spec.helpers.loops"
local views = require "spec.helpers.views"

local viewer, joined_viewer = views.viewer, views.joined_viewer

local run = loops.run

local new = groups.new
local loop = corosync.loop

describe("a group with views in the loop #slow", function()
  after_each(groups.clean)

  it("ends the loop when view_change deactivates it", function()
    local group, told = nil, 0
    group = new {
      view_change = function()
        told = told + 1
        assert(group:deactivate())
      end,
    }
    for round = 1, 3 do
      assert(loop.add(group))
      run()
      assert.equal(round, told)
    end
  end)

  it("can stop the loop in view_change and continues in the next run", function()
    local group, told = nil, {}
    group = new {
      view_change = function(view)
        told[#told + 1] = #view.members
        if #view.members == 1 then loop.stop() else assert(group:deactivate()) end
      end,
    }
    assert(loop.add(group))
    run()
    assert.same({ 1 }, told)
    joined_viewer(group.name)
    run()
    assert.same({ 1, 2 }, told)
  end)

  it("delivers no view after a config_change that stops the loop until the next run", function()
    local group, seen
    group = new {
      config_change = function(members)
        if #members == 2 then loop.stop() end
      end,
      view_change = function(view)
        seen = #view.members
        if seen == 2 then loop.stop() end
      end,
    }
    local other = viewer(group.name)
    assert(loop.add(group))
    assert(group:wait_for(function() return seen == 1 end))
    assert(other:write "join\n")
    run()
    assert.equal(1, seen)
    run()
    assert.equal(2, seen)
    loop.remove(group)
  end)

  it("delivers events that view_change fetched", function()
    local group, heard
    group = new {
      view_change = function()
        assert(group:send_message "x")
        -- Does the same as a send when Corosync's queue is full.
        assert(group[KEY].handle:fetch(60))
        group[KEY].loop.wake(group[KEY])
      end,
      message_received = function(_, message)
        heard = message
        assert(group:deactivate())
      end,
    }
    assert(loop.add(group))
    run()
    assert.equal("x", heard)
  end)

  it("reports more events when view_change fetched some", function()
    local group, told
    group = new {
      view_change = function()
        told = true
        assert(group:send_message "x")
        assert(group[KEY].handle:fetch(60))
      end,
    }
    assert(group:activate())
    local more
    repeat
      group[KEY].pollset:wait(5)
      more = select(2, group:dispatch())
    until told
    assert.is_true(more)
    assert.same({ 1, false }, { group:dispatch() })
  end)
end)
