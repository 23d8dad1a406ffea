-- Views of groups: on the real daemon of this node, and on labs whose nodes part, meet, die and stall.

local corosync = require "corosync"
local core = require "corosync.core"
local groups = require "spec.support.groups"
local lab = require "corosync.lab"
local machine = require "corosync.lab.machine"
local uv = require "luv"
local views = require "spec.support.views"

local eventually, joined, new, reaches = groups.eventually, groups.joined, groups.new, groups.reaches
local loop, now = corosync.loop, core.now

-- Fails with nil, a message and that code.
local function refused(code, ok, message, got)
  assert.is_nil(ok)
  assert.equal("string", type(message))
  assert.equal(code, got)
end

local function texts(addresses)
  local list = {}
  for i, address in ipairs(addresses) do
    list[i] = tostring(address)
  end
  table.sort(list)
  return list
end

-- Handlers that keep the views that they are told.
local function recorder(settle)
  local seen = {}
  return { settle = settle, view_change = function(view) seen[#seen + 1] = view end }, seen
end

-- A group with a first view, and the list of its views.
local function viewing(settle)
  local handlers, seen = recorder(settle)
  local group = joined(handlers)
  assert(eventually(function() return #seen == 1 end))
  return group, seen
end

-- Whatever Corosync had to tell this group has been told once its own message is back.
local function let_all_arrive(group)
  local heard
  group._handlers.message_received = function() heard = true end
  assert(group:send_message "")
  assert(eventually(function() return heard end))
  group:dispatch()
end

-- A viewer in a program of its own that has not joined yet, and its address as text.
local function viewer(name)
  local program = groups.spawn { groups.interpreter, "spec/support/viewer.lua", name }
  assert(eventually(function() return views.address(program) or program.exited end))
  return program, views.address(program) or error(table.concat(program.errors, "\n"))
end

local function joined_viewer(name)
  local program, address = viewer(name)
  assert(program:write "join\n")
  return program, address
end

-- This node has one vote.
local function expect_votes(count)
  local tool = machine.find "corosync-cmapctl"
  local program = groups.spawn { tool, "-s", "quorum.expected_votes", "u32", tostring(count) }
  assert.equal(0, program:wait(10), table.concat(program.errors, "\n"))
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

local function descriptors()
  local count, listing = 0, assert(uv.fs_scandir "/proc/self/fd")
  while uv.fs_scandir_next(listing) do
    count = count + 1
  end
  return count
end

describe("a group's view", function()
  after_each(groups.clean)

  it("is told first when the join, its ring and its quorum are known", function()
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

  it("lists in joined all who were there before", function()
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

  it("follows others as they join, leave and die, with one view for each", function()
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
    assert(other:kill "sigkill")
    assert.equal("procdown", expect(5, { own }, { address }, {}).left[1].reason)
    assert(eventually(function() return other.exited end))
    views.check { other }
    assert.equal(2, #views.of(other))
    local both = { own, address }
    table.sort(both)
    assert.same({ both, both }, { views.of(other)[1].joined, views.of(other)[2].joined })
  end)

  it("is never told inside another handler, nor known there before it is told", function()
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

  it("can be asked for: it is the one that was told last", function()
    local group, seen = viewing()
    assert.is_true(rawequal(seen[1], group:view()))
    local at
    group._handlers.view_change = function(view) at = rawequal(view, group:view()) end
    joined_viewer(group.name)
    assert(eventually(function() return at ~= nil end))
    assert.is_true(at)
    assert.equal(2, #group:view().members)
  end)

  it("is not there while the group is not", function()
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

  it("starts anew with each activation", function()
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

  it("is told when quorum alone changes", function()
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

  it("leaves no descriptor behind", function()
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

describe("a view_change", function()
  after_each(groups.clean)

  it("that raises is reported, and the next view comes", function()
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

  it("may deactivate the group, and activate it again", function()
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

  it("counts as an event of a budget, after the others", function()
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
      group._pollset:wait(5)
      handled, more = group:dispatch(1)
    until handled > 0
    assert.same({ 1, true }, { handled, more })
    assert.same({ "config", "ring", "view", "config" }, order)
    assert.same({ 0, true }, { group:dispatch(0) })
    assert.same({ 1, false }, { group:dispatch(1) })
    assert.equal("view", order[5])
  end)

  it("has its turn while messages wait", function()
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
      group._handle:wait(5) -- so that each dispatch uses its budget up
      assert(group:dispatch(1))
    end
    assert.is_true(told)
    assert.is_true(messages < 200)
  end)

  it("waits for the next dispatch when the handler before it ended one", function()
    local group, seen = viewing()
    local stopped
    group._handlers.config_change = function()
      stopped = true
      group:stop()
    end
    joined_viewer(group.name)
    while not stopped do
      group._pollset:wait(5)
      group:dispatch()
    end
    assert.equal(1, #seen)
    assert.is_true(group._pollset:wait(0))
    group:dispatch()
    assert.equal(2, #seen)
  end)

  it("is looked up when there is a view", function()
    local group, seen = viewing()
    group._handlers.view_change = nil
    local other = joined_viewer(group.name)
    assert(eventually(function() return views.last(other) and #group:members() == 2 end))
    let_all_arrive(group)
    assert.equal(1, #seen)
    assert.equal(2, #group:view().members)
    group._handlers.view_change = function(view) seen[#seen + 1] = view end
    assert(other:kill "sigkill")
    assert(eventually(function() return #seen == 2 end))
    assert.equal(1, #seen[2].left)
  end)
end)

describe("a view without a handler", function()
  after_each(groups.clean)

  it("costs a connection when it is first asked for", function()
    local group = joined()
    let_all_arrive(group)
    local before = descriptors()
    let_all_arrive(group)
    assert.equal(before, descriptors())
    local view = assert(group:view())
    assert.is_true(descriptors() > before)
    assert.same({ tostring(group:address()) }, texts(view.members))
    assert.same({ {}, texts(view.members), true }, { view.left, texts(view.joined), view.quorate })
    local opened = descriptors()
    assert.is_true(rawequal(view, group:view()))
    assert.equal(opened, descriptors())
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.is_true(descriptors() < before)
  end)

  it("follows what changes", function()
    local group = joined()
    let_all_arrive(group)
    local first = assert(group:view())
    local other, address = joined_viewer(group.name)
    assert(eventually(function() return #assert(group:view()).members == 2 end))
    local second = group:view()
    assert.same({ address }, texts(second.joined))
    assert.equal(1, #first.members)
    assert(other:kill "sigkill")
    assert(eventually(function() return #assert(group:view()).members == 1 end))
    assert.same({ address }, texts(group:view().left))
    finally(function() expect_votes(1) end)
    expect_votes(3)
    assert(eventually(function() return not assert(group:view()).quorate end))
    assert.same(first.ring, group:view().ring)
  end)

  it("tells all that has changed between two questions", function()
    local group = joined()
    let_all_arrive(group)
    assert(group:view())
    local staying, staying_address = joined_viewer(group.name)
    local _, passing = joined_viewer(group.name)
    assert(eventually(function() return #group:members() == 3 end))
    let_all_arrive(group)
    local view = assert(group:view())
    local both = { staying_address, passing }
    table.sort(both)
    assert.same(both, texts(view.joined))
    assert(staying:write "leave\n")
    assert(eventually(function() return groups.has_line(staying, "left") end))
    assert(staying:write "join\n")
    local visitor, visitor_address = joined_viewer(group.name)
    assert(eventually(function() return #group:members() == 4 end))
    assert(visitor:write "leave\n")
    assert(eventually(function() return groups.has_line(visitor, "left") end))
    let_all_arrive(group)
    view = assert(group:view())
    assert.same({ { staying_address }, { staying_address } }, { texts(view.left), texts(view.joined) })
    assert.is_not_same({}, visitor_address)
    assert.equal(3, #view.members)
  end)

  it("is not there before its ring is known, nor before it has settled", function()
    local group, first = nil, nil
    group = new { config_change = function() first = first or { group:view() } end }
    assert(group:activate())
    assert(reaches(group, "joined"))
    refused("try_again", (table.unpack or unpack)(first, 1, 3))
    let_all_arrive(group)
    assert(group:view())
    group.settle = 0.1
    joined_viewer(group.name)
    assert(eventually(function() return #group:members() == 2 end))
    let_all_arrive(group)
    refused("try_again", group:view())
    assert(eventually(function() return group:view() end))
    assert.equal(2, #group:view().members)
  end)

  it("keeps nothing of members that came and went", function()
    local kept = setmetatable({}, { __mode = "k" })
    local group = joined {
      config_change = function(_, left)
        for _, address in ipairs(left) do kept[address] = true end
      end,
    }
    let_all_arrive(group)
    local programs = {}
    for i = 1, 3 do
      programs[i] = joined_viewer(group.name)
    end
    assert(eventually(function() return #group:members() == 4 end))
    for _, program in ipairs(programs) do
      assert(program:kill "sigkill")
    end
    assert(eventually(function() return #group:members() == 1 end))
    let_all_arrive(group)
    assert(next(kept))
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
  end)
end)

-- What depends on the moment in which each part arrives, which no real cluster repeats.
describe("the parts of a view", function()
  local view = require "corosync.group.view"
  local A, B, C = { node = 1, pid = 10 }, { node = 2, pid = 20 }, { node = 3, pid = 30 }
  local OLD, NEW = { node = 1, seq = 4 }, { node = 1, seq = 8 }
  local parts, quorum

  before_each(function()
    local open = core.quorum.open
    core.quorum.open = function(handlers)
      quorum = function(quorate, ring) handlers.quorum_change(quorate, {}, ring) end
      return {}
    end
    parts = view.new()
    assert(parts:open())
    core.quorum.open = open
  end)

  local function config(members, left, came, reason)
    for _, list in ipairs { left, came } do
      for _, address in ipairs(list) do address.reason = reason end
    end
    parts:config(members, left, came)
  end

  local function is_due()
    local seconds = parts:due(0)
    return seconds ~= nil and seconds <= 0
  end

  -- A first view of A and B.
  local function begin()
    config({ A, B }, {}, { A }, "join")
    parts:ring(OLD, { 1, 2 })
    quorum(true, OLD)
    return parts:make()
  end

  it("may come in any order", function()
    local steps = {
      function() config({ A }, {}, { A }, "join") end,
      function() parts:ring(OLD, { 1 }) end,
      function() quorum(true, OLD) end,
    }
    for _, order in ipairs { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } } do
      parts._members, parts._ring, parts._quorum = nil, nil, nil
      for i, step in ipairs(order) do
        assert.is_false(is_due())
        steps[step]()
        assert.is_nil(parts:present())
        assert.equal(i == 3, is_due())
      end
    end
  end)

  it("make a view at once when a process comes or goes", function()
    begin()
    config({ A, B, C }, {}, { C }, "join")
    assert.is_false(is_due()) -- node 3 is not on the ring
    config({ A, B }, { C }, {}, "leave")
    assert.is_true(is_due())
    config({ A }, { B }, {}, "procdown")
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ { A }, { B }, {} }, { made.members, made.left, made.joined })
  end)

  it("belong to the ring that follows when a node goes", function()
    begin()
    config({ A }, { B }, {}, "nodedown")
    assert.is_false(is_due())
    parts:ring(NEW, { 1 })
    assert.is_false(is_due())
    quorum(false, NEW)
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ { A }, { B }, {}, NEW, { 1 }, false },
      { made.members, made.left, made.joined, made.ring, made.nodes, made.quorate })
    assert.is_nil(made.merged)
  end)

  it("belong to the ring that follows when nodes come, one after another", function()
    begin()
    quorum(true, NEW)
    assert.is_false(is_due())
    config({ A, B, C }, {}, { C }, "nodeup")
    assert.is_false(is_due())
    local D = { node = 3, pid = 31 }
    config({ A, B, C, D }, {}, { D }, "nodeup")
    assert.is_false(is_due())
    parts:ring(NEW, { 1, 2, 3 })
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ { C, D }, { { A, B }, { C, D } } }, { made.joined, made.merged })
    assert.is_false(is_due())
  end)

  it("show who was on which side when rings meet before there is a view", function()
    config({ A }, {}, { A }, "join")
    config({ A, C }, {}, { C }, "nodeup")
    parts:ring(NEW, { 1, 3 })
    quorum(true, NEW)
    assert.same({ { A }, { C } }, parts:make().merged)
  end)

  it("count who joined since, but neither side's, in neither", function()
    begin()
    config({ A, B, C }, {}, { C }, "nodeup")
    parts:ring(NEW, { 1, 2, 3 })
    local D = { node = 2, pid = 21 }
    config({ A, B, C, D }, {}, { D }, "join")
    quorum(true, NEW)
    local made = parts:make()
    assert.same({ { A, B, C, D }, { C, D }, { { A, B }, { C } } }, { made.members, made.joined, made.merged })
  end)

  it("are of one ring only if both its node and its seq are the same", function()
    begin()
    parts:ring({ node = 2, seq = 4 }, { 1, 2 })
    assert.is_false(is_due())
    quorum(true, { node = 2, seq = 4 })
    assert.is_true(is_due())
    quorum(true, { node = 2, seq = 8 })
    assert.is_false(is_due())
  end)

  it("are of one ring by its seq alone where quorum tells no more", function()
    config({ A }, {}, { A }, "join")
    parts:ring(OLD, { 1 })
    quorum(true, { seq = 8 })
    assert.is_false(is_due())
    quorum(true, { seq = 4 })
    assert.is_true(is_due())
    assert.same(OLD, parts:make().ring)
  end)

  it("are members and ring alone without a quorum provider", function()
    quorum(nil, { seq = 0 })
    config({ A, B }, {}, { A }, "join")
    assert.is_false(is_due())
    parts:ring(OLD, { 1, 2 })
    assert.is_true(is_due())
    local made = parts:make()
    assert.same({ OLD, nil, "no_quorum_provider" }, { made.ring, made.quorate, made.reason })
    config({ A }, { B }, {}, "nodedown")
    assert.is_false(is_due())
    parts:ring(NEW, { 1 })
    assert.is_true(is_due())
    assert.same({ B }, parts:make().left)
  end)

  it("make no view when nothing has changed", function()
    local first = begin()
    parts:ring({ node = 1, seq = 4 }, { 1, 2 })
    quorum(true, { node = 1, seq = 4 })
    assert.is_false(is_due())
    assert.is_true(rawequal(first, parts:present()))
  end)
end)

describe("settle", function()
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

  local function check_times(configs, seen)
    local pause = seen[#seen].at - configs[#configs]
    assert.is_true(pause > SETTLE - 0.01 and pause < SETTLE + 0.3, "told after " .. pause)
  end

  it("is checked", function()
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

  it("passes before a view, with nothing but wait_for", function()
    local group, configs, seen = timed(SETTLE)
    assert(group:activate())
    refused("timeout", group:wait_for(function() return #seen > 0 end, SETTLE / 2))
    assert.equal(1, #configs)
    refused("try_again", group:view())
    assert(group:wait_for(function() return #seen > 0 end))
    check_times(configs, seen)
    assert.is_false(group._pollset:wait(0))
  end)

  it("passes before a view, with nothing but the descriptor, and without being asked again and again", function()
    local group, configs, seen = timed(SETTLE)
    assert(group:activate())
    local fd = assert(group:fd())
    local poll, rounds, limit = uv.new_poll(fd), 0, uv.new_timer()
    limit:start(5000, 0, function() poll:stop() end)
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

  it("passes before a view, in the loop", function()
    local group, configs, seen = timed(SETTLE)
    local tell = group._handlers.view_change
    function group._handlers.view_change(view)
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

  it("begins again with each change, and makes one view of them", function()
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
    assert(group:wait_for(function() return #configs == 4 end))
    assert.equal(1, #seen)
    assert(group:wait_for(function() return #seen == 2 end))
    check_times(configs, seen)
    table.sort(addresses)
    assert.same(addresses, texts(seen[2].view.joined))
    assert.equal(4, #seen[2].view.members)
  end)

  it("hides who came and went, and shows who went and came", function()
    local group, configs, seen = timed(SETTLE)
    local staying, staying_address = joined_viewer(group.name)
    local visitor = viewer(group.name)
    assert(group:activate())
    assert(eventually(function() return #seen > 0 and #seen[#seen].view.members == 2 end))
    local told, before = #seen, #configs
    assert(visitor:write "join\n")
    assert(eventually(function() return #configs == before + 1 end))
    assert(visitor:write "leave\n")
    assert(staying:write "leave\n")
    assert(eventually(function() return groups.has_line(staying, "left") end))
    assert(staying:write "join\n")
    assert(eventually(function() return #seen == told + 1 end))
    assert.equal(before + 4, #configs)
    local view = seen[#seen].view
    assert.same({ { staying_address }, { staying_address } }, { texts(view.left), texts(view.joined) })
    assert.equal(2, #view.members)
  end)

  it("may change while the group is active", function()
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

  it("is a class's field, as view_change is its method", function()
    local Class = { settle = SETTLE }
    Class.__index = Class
    function Class:config_change() self.configs = { now() } end
    function Class:view_change(view) self.seen = { { at = now(), view = view } } end
    local Derived = setmetatable({}, Class)
    local group = joined(Derived)
    assert(eventually(function() return group.seen end))
    check_times(group.configs, group.seen)
    assert.is_true(rawequal(group:view(), group.seen[1].view))
    group.settle = 0
    group.seen = nil
    joined_viewer(group.name)
    assert(eventually(function() return group.seen end))
    assert.is_true(group.seen[1].at - group.configs[1] < SETTLE / 2)
    assert.equal(SETTLE, Class.settle)
  end)
end)

describe("a group with views in the loop", function()
  after_each(groups.clean)

  it("ends it when a view_change deactivates", function()
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

  it("stops it in a view_change, and goes on in the next run", function()
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

  it("tells no view after a config_change that stops it, but in the next run", function()
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

  it("delivers what a view_change has moved out of Corosync's way", function()
    local group, heard
    group = new {
      view_change = function()
        assert(group:send_message "x")
        -- What a send does that Corosync has no room for.
        assert(group._handle:fetch(5))
        loop.wake(group)
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

  it("says that more waits when a view_change has moved it out of Corosync's way", function()
    local group, told
    group = new {
      view_change = function()
        told = true
        assert(group:send_message "x")
        assert(group._handle:fetch(5))
      end,
    }
    assert(group:activate())
    local more
    repeat
      group._pollset:wait(5)
      more = select(2, group:dispatch())
    until told
    assert.is_true(more)
    assert.same({ 1, false }, { group:dispatch() })
  end)
end)

describe("views of three nodes", function()
  local NAME, SLOW, SETTLE = "views", "slow-views", 3
  local cluster, fast, slow, all, addresses

  local function start(node, name, settle)
    local program = assert(cluster:run(node, { groups.interpreter, "spec/support/viewer.lua", name, settle },
      { host = name == NAME }))
    all[#all + 1] = program
    assert(cluster:wait_for(function() return views.address(program) or program.exited end, 10))
    assert(program:write "join\n")
    return program
  end

  local function start_fast(node)
    fast[node] = start(node, NAME, "0")
    addresses[node] = views.address(fast[node])
  end

  local function list(...)
    local found = {}
    for i, node in ipairs { ... } do
      found[i] = addresses[node]
    end
    table.sort(found)
    return found
  end

  local function same(one, other)
    return table.concat(one, ",") == table.concat(other, ",")
  end

  local function written(program)
    return table.concat(program.lines, "\n") .. "\n" .. table.concat(program.errors, "\n")
  end

  -- Waits until the last views of these nodes have just these members on just these nodes, on one ring; the first's.
  local function all_see(who, members, nodes)
    local wanted = list((table.unpack or unpack)(members))
    local told = {}
    local ok, message = cluster:wait_for(function()
      for i, node in ipairs(who) do
        local view = views.last(fast[node])
        told[i] = view
        if not view or view.ring ~= told[1].ring or not same(view.members, wanted) or not same(view.nodes, nodes) then
          return false
        end
      end
      return true
    end, 15, "one view")
    for _, node in ipairs(ok and {} or who) do
      message = ("%s; node %d has told:\n%s"):format(message, node, written(fast[node]))
    end
    assert(ok, message)
    return told[1]
  end

  local function count_views()
    local counts = {}
    for node, program in pairs(fast) do
      counts[node] = #views.of(program)
    end
    return counts
  end

  -- The views since then.
  local function since(counts, node)
    local told = views.of(fast[node])
    for _ = 1, counts[node] do
      table.remove(told, 1)
    end
    return told
  end

  setup(function()
    cluster = assert(lab.start { nodes = 3, token = 500 })
    fast, slow, all, addresses = {}, {}, {}, {}
    for node = 1, 3 do
      start_fast(node)
      slow[node] = start(node, SLOW, tostring(SETTLE))
    end
    all_see({ 1, 2, 3 }, { 1, 2, 3 }, { "1", "2", "3" })
  end)

  teardown(function() assert(cluster:stop()) end)

  before_each(function()
    assert(cluster:heal())
    for node = 1, 3 do
      if not cluster:members(node) then assert(cluster:restart(node)) end
      if fast[node].exited then start_fast(node) end
    end
    all_see({ 1, 2, 3 }, { 1, 2, 3 }, { "1", "2", "3" })
  end)

  after_each(function() views.check(all) end)

  it("part and meet again with them", function()
    for node = 1, 3 do
      assert(cluster:wait_for(function()
        local view = views.last(slow[node])
        return view and #view.members == 3
      end, 10, "the slow members' first view"))
    end
    local slow_before = {}
    for node = 1, 3 do slow_before[node] = #views.of(slow[node]) end
    local counts = count_views()
    assert(cluster:partition({ 1, 2 }, { 3 }))
    local majority = all_see({ 1, 2 }, { 1, 2 }, { "1", "2" })
    local minority = all_see({ 3 }, { 3 }, { "3" })
    assert.not_equal(majority.ring, minority.ring)
    assert.same({ true, false }, { majority.quorate, minority.quorate })
    assert.same({ list(3), {} }, { majority.left, majority.joined })
    assert.same({ list(1, 2), {} }, { minority.left, minority.joined })
    assert.is_nil(majority.merged or minority.merged)
    assert.same({ 1, 1, 1 }, { #since(counts, 1), #since(counts, 2), #since(counts, 3) })

    counts = count_views()
    assert(cluster:heal())
    local whole = all_see({ 1, 2, 3 }, { 1, 2, 3 }, { "1", "2", "3" })
    assert.is_true(whole.quorate)
    for node = 1, 3 do
      local told = since(counts, node)
      local ours, theirs = list(1, 2), list(3)
      if node == 3 then ours, theirs = theirs, ours end
      assert.same({ {}, theirs, { ours, theirs } }, { told[1].left, told[1].joined, told[1].merged })
    end

    -- Who settles longer than all this took has one view of it: the others have left and come.
    for node = 1, 3 do
      assert(cluster:wait_for(function() return #views.of(slow[node]) > slow_before[node] end, 10))
      local told = views.of(slow[node])
      assert.equal(slow_before[node] + 1, #told)
      local last = told[#told]
      assert.equal(whole.ring, last.ring)
      assert.same(last.joined, last.left)
      assert.same(last.joined, last.merged[2])
      assert.equal(node == 3 and 2 or 1, #last.joined)
    end
  end)

  it("follow a process that dies", function()
    local counts = count_views()
    local ring = views.last(fast[1]).ring
    assert(cluster:kill_host(3))
    assert.equal(ring, all_see({ 1, 2 }, { 1, 2 }, { "1", "2", "3" }).ring)
    for node = 1, 2 do
      local told = since(counts, node)
      assert.same({ 1, list(3), {} }, { #told, told[1].left, told[1].joined })
    end
  end)

  it("follow a daemon that dies and is back at once", function()
    local counts, gone = count_views(), list(3)
    local lost = fast[3]
    assert(cluster:restart(3))
    assert.is_true(lost.exited)
    assert.equal("disconnected", lost.lines[#lost.lines])
    all_see({ 1, 2 }, { 1, 2 }, { "1", "2", "3" })
    assert.same(gone, since(counts, 1)[1].left)
    start_fast(3)
    all_see({ 1, 2, 3 }, { 1, 2, 3 }, { "1", "2", "3" })
    for node = 1, 2 do
      assert.same({ {}, list(3) }, { views.last(fast[node]).left, views.last(fast[node]).joined })
      for _, view in ipairs(since(counts, node)) do assert.is_nil(view.merged) end
    end
    assert.same(list(1, 2, 3), views.last(fast[3]).joined)
  end)

  it("follow a node that stood still", function()
    local counts = count_views()
    assert(cluster:pause(3))
    all_see({ 1, 2 }, { 1, 2 }, { "1", "2" })
    assert.equal(0, #since(counts, 3))
    assert(cluster:resume(3))
    assert.is_true(all_see({ 1, 2, 3 }, { 1, 2, 3 }, { "1", "2", "3" }).quorate)
    for node = 1, 2 do
      local told = since(counts, node)
      assert.same({ list(1, 2), list(3) }, told[#told].merged)
    end
    -- Node 3 may have been told that the others were away, or not.
    local told = since(counts, 3)
    assert.is_true(#told > 0)
  end)

  it("wait for a ring without using the processor, and join on it", function()
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync"
      local view
      local group = corosync.group("waiting", { view_change = function(new) view = new end })
      assert(group:address())
      print "ready"
      io.read()
      assert(group:activate())
      local used = os.clock()
      print(select(3, group:wait_for(function() return group:view() end, 1)))
      used = os.clock() - used
      print(used < 0.2 or used)
      print(group:wait_for(function() return view end, 10))
      print(#view.nodes) ]] }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 10))
    assert(cluster:pause(3))
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(20)), written(program))
    assert.same({ "ready", "timeout", "true", "true", "2" }, program.lines)
    assert(cluster:resume(3))
  end)
end)

describe("a group with views whose daemon was restarted before it was activated", function()
  it("has another connection then", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync"
      local view
      local group = corosync.group("spec", { view_change = function(new) view = new end })
      assert(group:address())
      print "ready"
      io.read()
      print(select(3, group:members()))
      print "gone"
      io.read()
      print((group:activate()))
      print(group:wait_for(function() return view end)) ]] }))
    local function has(text)
      assert(cluster:wait_for(function() return groups.has_line(program, text) or program.exited end, 10))
    end
    has "ready"
    assert(cluster:kill(1))
    assert(program:write "\n")
    has "gone"
    assert(cluster:restart(1))
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(10)), table.concat(program.errors, "\n"))
    assert.same({ "ready", "not_connected", "gone", "true", "true" }, program.lines)
  end)
end)
