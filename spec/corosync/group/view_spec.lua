local KEY = require "corosync.private"
local groups = require "spec.helpers.groups"
local views = require "spec.helpers.views"

local texts, recorder, viewing, let_all_arrive = views.texts, views.recorder, views.viewing, views.let_all_arrive
local joined_viewer, expect_votes, descriptors = views.joined_viewer, views.expect_votes, views.descriptors

local eventually, joined, new, reaches = groups.eventually, groups.joined, groups.new, groups.reaches

local refused = groups.refused

describe("group.view and view_change #slow", function()
  after_each(groups.clean)

  it("deliver the first view once the join, its ring and its quorum are known", function()
    local events, ring, nodes, view = {}, nil, nil, nil
    local group = joined {
      config_change = function() events[#events + 1] = "config" end,
      ring_change = function(...)
        events[#events + 1] = "ring"
        ring, nodes = ...
      end,
      view_change = function(...)
        events[#events + 1] = "view"
        assert.equal(1, select("#", ...))
        view = ...
      end,
    }
    assert(eventually(function() return view end))
    let_all_arrive(group)
    assert.same({ "config", "ring", "view" }, events)
    local own = tostring(group:address())
    assert.same({ own }, texts(view.members))
    assert.is_true(rawequal(group:address(), view.members[1]))
    assert.same(ring, view.ring)
    assert.same(nodes, view.nodes)
    assert.same({ 1 }, view.nodes)
    assert.is_true(view.quorate)
    assert.same({}, view.left)
    assert.same({ own }, texts(view.joined))
    assert.is_nil(view.merged)
  end)

  it("list all earlier members as joined in the first view", function()
    local group = new()
    local other, address = joined_viewer(group.name)
    assert(eventually(function() return views.last(other) end))
    local handlers, seen = recorder()
    local late = joined(handlers, group.name)
    assert(eventually(function() return #seen == 1 end))
    local all = { address, tostring(late:address()) }
    table.sort(all)
    assert.same(all, texts(seen[1].members))
    assert.same(all, texts(seen[1].joined))
  end)

  it("deliver one view for each join, leave and death of a member", function()
    local group, seen = viewing()
    local own = tostring(group:address())
    local first = seen[1]
    local function expect(count, members, left, came)
      assert(eventually(function() return #seen >= count end))
      let_all_arrive(group)
      assert.equal(count, #seen)
      local view = seen[count]
      table.sort(members)
      assert.same({ members, left, came }, { texts(view.members), texts(view.left), texts(view.joined) })
      assert.same({ first.ring, first.nodes, true }, { view.ring, view.nodes, view.quorate })
      assert.is_nil(view.merged)
      return view
    end
    local other, address = joined_viewer(group.name)
    expect(2, { own, address }, {}, { address })
    assert(other:write "leave\n")
    assert.equal("leave", expect(3, { own }, { address }, {}).left[1].reason)
    assert(eventually(function() return groups.has_line(other, "left") end))
    assert(other:write "join\n")
    expect(4, { own, address }, {}, { address })
    assert(eventually(function() return #views.of(other) == 2 end))
    assert(other:kill "sigkill")
    assert.equal("procdown", expect(5, { own }, { address }, {}).left[1].reason)
    assert(eventually(function() return other.exited end))
    views.check { other }
    assert.equal(2, #views.of(other))
    local both = { own, address }
    table.sort(both)
    assert.same({ both, both }, { views.of(other)[1].joined, views.of(other)[2].joined })
  end)

  it("deliver no view inside another handler, nor is it visible there earlier", function()
    local group, inside, order, answers = nil, false, {}, {}
    group = new {
      config_change = function(members)
        inside = true
        answers[#answers + 1] = { group:view() }
        refused("dispatching", group:dispatch())
        order[#order + 1] = "config " .. #members
        inside = false
      end,
      view_change = function(view)
        assert(not inside)
        order[#order + 1] = "view " .. #view.members
      end,
    }
    assert(group:activate())
    assert(eventually(function() return #order == 2 end))
    joined_viewer(group.name)
    assert(eventually(function() return #order == 4 end))
    assert.same({ "config 1", "view 1", "config 2", "view 2" }, order)
    refused("try_again", (table.unpack or unpack)(answers[1], 1, 3)) -- luacheck: globals unpack
    refused("try_again", (table.unpack or unpack)(answers[2], 1, 3))
  end)

  it("make the last delivered view available as group:view()", function()
    local group, seen = viewing()
    assert.is_true(rawequal(seen[1], group:view()))
    local at
    group[KEY].handlers.view_change = function(view) at = rawequal(view, group:view()) end
    joined_viewer(group.name)
    assert(eventually(function() return at ~= nil end))
    assert.is_true(at)
    assert.equal(2, #group:view().members)
  end)

  it("return no view while the group is inactive", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    refused("not_joined", group:view())
    assert(group:activate())
    refused("not_joined", group:view())
    assert(eventually(function() return #seen == 1 end))
    assert(group:view())
    assert(group:deactivate())
    refused("not_joined", group:view())
    assert(reaches(group, "idle"))
    refused("not_joined", group:view())
  end)

  it("start anew with each activation", function()
    local group, seen = viewing()
    joined_viewer(group.name)
    assert(eventually(function() return #seen == 2 end))
    local all = texts(seen[2].members)
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen)
    assert(group:activate())
    assert(eventually(function() return #seen == 3 end))
    assert.same({ all, {}, all }, { texts(seen[3].members), texts(seen[3].left), texts(seen[3].joined) })
    assert(group:deactivate())
    assert(group:activate())
    assert(eventually(function() return #seen == 4 end))
    assert.same(all, texts(seen[4].joined))
  end)

  it("deliver a view when only quorum changes", function()
    local group, seen = viewing()
    finally(function() expect_votes(1) end)
    expect_votes(3)
    assert(eventually(function() return #seen == 2 end))
    expect_votes(1)
    assert(eventually(function() return #seen == 3 end))
    let_all_arrive(group)
    assert.equal(3, #seen)
    for i, quorate in ipairs { true, false, true } do
      assert.equal(quorate, seen[i].quorate)
      assert.same({ seen[1].ring, seen[1].nodes, texts(seen[1].members) },
        { seen[i].ring, seen[i].nodes, texts(seen[i].members) })
    end
    assert.same({ {}, {}, {}, {} }, { seen[2].left, seen[2].joined, seen[3].left, seen[3].joined })
  end)

  it("leave no descriptor open", function()
    local group, seen = viewing()
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    local before = descriptors()
    for round = 1, 50 do
      assert(group:activate())
      assert(eventually(function() return #seen == 1 + round end))
      assert.is_true(descriptors() > before)
      assert(group:deactivate())
      assert(reaches(group, "idle"))
    end
    assert.equal(before, descriptors())
    local cycle = new()
    for _ = 1, 3 do
      assert(cycle:activate())
      assert(reaches(cycle, "joined"))
      assert(eventually(function() return cycle:view() end))
      assert(cycle:deactivate())
      assert(reaches(cycle, "idle"))
    end
    assert.equal(before, descriptors())
  end)
end)

describe("a view_change handler #slow", function()
  after_each(groups.clean)

  it("that raises is reported, and the next view is delivered", function()
    local problems, told = {}, 0
    local group = joined {
      view_change = function()
        told = told + 1
        error("trouble " .. told)
      end,
      error = function(problem) problems[#problems + 1] = problem end,
    }
    assert(eventually(function() return told == 1 end))
    joined_viewer(group.name)
    assert(eventually(function() return told == 2 end))
    assert.equal(2, #problems)
    assert.matches("view_spec.lua:%d+: trouble 1\nstack traceback:", problems[1])
    assert.matches("trouble 2", problems[2])
    assert.equal(2, #group:view().members)
  end)

  it("may send, but not dispatch or wait", function()
    local group, heard, outcomes = nil, nil, nil
    group = new {
      view_change = function()
        outcomes = { (group:send_message "from view_change"), (select(3, group:dispatch())),
          (select(3, group:wait_for(function() end, 1))) }
      end,
      message_received = function(_, message) heard = message end,
    }
    assert(group:activate())
    assert(eventually(function() return heard end))
    assert.equal("from view_change", heard)
    assert.same({ true, "dispatching", "dispatching" }, outcomes)
  end)

  it("may deactivate the group and activate it again", function()
    local group, told = nil, 0
    group = new {
      view_change = function()
        told = told + 1
        assert(group:deactivate())
        if told < 3 then assert(group:activate()) end
      end,
    }
    assert(group:activate())
    assert(eventually(function() return told == 3 and groups.state(group) == "idle" end))
  end)

  it("counts toward the budget, after the other events", function()
    local order = {}
    local group = new {
      config_change = function() order[#order + 1] = "config" end,
      ring_change = function() order[#order + 1] = "ring" end,
      view_change = function() order[#order + 1] = "view" end,
    }
    assert(group:activate())
    for count, last in ipairs { "config", "ring", "view" } do
      assert(group:wait_for(function() return #order > 0 and order[#order] == last end))
      assert.equal(count, #order)
    end
    assert.same({ 0, false }, { group:dispatch(1) })
    joined_viewer(group.name)
    local handled, more
    repeat
      group[KEY].pollset:wait(5)
      handled, more = group:dispatch(1)
    until handled > 0
    assert.same({ 1, true }, { handled, more })
    assert.same({ "config", "ring", "view", "config" }, order)
    assert.same({ 0, true }, { group:dispatch(0) })
    assert.same({ 1, false }, { group:dispatch(1) })
    assert.equal("view", order[5])
  end)

  it("is called in turn while messages are queued", function()
    local told, messages = false, 0
    local group = new {
      message_received = function() messages = messages + 1 end,
      view_change = function() told = true end,
    }
    assert(group:activate())
    for _ = 1, 200 do
      assert(group:send_message "waits")
    end
    while not told and messages < 200 do
      group[KEY].handle:wait(5) -- so that each dispatch uses its budget up
      assert(group:dispatch(1))
    end
    assert.is_true(told)
    assert.is_true(messages < 200)
  end)

  it("is called in the next dispatch when the handler before it stopped one", function()
    local group, seen = viewing()
    local stopped
    group[KEY].handlers.config_change = function()
      stopped = true
      group:stop()
    end
    joined_viewer(group.name)
    while not stopped do
      group[KEY].pollset:wait(5)
      group:dispatch()
    end
    assert.equal(1, #seen)
    assert.is_true(group[KEY].pollset:wait(0))
    group:dispatch()
    assert.equal(2, #seen)
  end)

  it("is looked up when a view is delivered", function()
    local group, seen = viewing()
    group[KEY].handlers.view_change = nil
    local other = joined_viewer(group.name)
    assert(eventually(function() return views.last(other) and #group:members() == 2 end))
    let_all_arrive(group)
    assert.equal(1, #seen)
    assert.equal(2, #group:view().members)
    group[KEY].handlers.view_change = function(view) seen[#seen + 1] = view end
    assert(other:kill "sigkill")
    assert(eventually(function() return #seen == 2 end))
    assert.equal(1, #seen[2].left)
  end)
end)
