local KEY = require "corosync.private"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local uv = require "luv"
local views = require "spec.helpers.views"

-- Views of groups: on the real daemon of this node, and on labs whose nodes part, meet, die and stall.

local eventually, new = groups.eventually, groups.new
local loop = corosync.loop

-- A viewer in a program of its own that has not joined yet, and its address as text.
local function viewer(name)
  local program = groups.spawn { groups.interpreter, "spec/helpers/clients/viewer.lua", name }
  assert(eventually(function() return views.address(program) or program.exited end))
  return program, views.address(program) or error(table.concat(program.errors, "\n"))
end

local function joined_viewer(name)
  local program, address = viewer(name)
  assert(program:write "join\n")
  return program, address
end

-- Runs the loop, with a time limit.
local function run()
  local late = false
  local timer = uv.new_timer()
  timer:start(10000, 0, function()
    late = true
    loop.stop()
  end)
  timer:unref()
  loop.run()
  timer:close()
  assert.is_false(late, "the loop did not end in time")
end

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
        -- What a send does that Corosync has no room for.
        assert(group[KEY].handle:fetch(5))
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
        assert(group[KEY].handle:fetch(5))
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
