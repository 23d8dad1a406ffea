local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"
local views = require "spec.helpers.views"

describe("views on three nodes #slow", function()
  local NAME, SLOW, SETTLE = "views", "slow-views", 8
  local cluster, fast, slow, all, addresses

  local function start(node, name, settle)
    local program = assert(cluster:run(node, { groups.interpreter, "spec/helpers/clients/viewer.lua", name, settle },
      { host = name == NAME }))
    all[#all + 1] = program
    assert(cluster:wait_for(function() return views.address(program) or program.exited end, 60))
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
    end, 60, "one view")
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
    cluster = assert(lab.start { nodes = 3, token = 1000 })
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

  it("follow a partition and its merge", function()
    for node = 1, 3 do
      assert(cluster:wait_for(function()
        local view = views.last(slow[node])
        return view and #view.members == 3
      end, 60, "the slow members' first view"))
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

    -- A member with a longer settle has one view of all this: the others have left and come back.
    for node = 1, 3 do
      assert(cluster:wait_for(function() return #views.of(slow[node]) > slow_before[node] end, 60))
      local told = views.of(slow[node])
      assert.equal(slow_before[node] + 1, #told)
      local last = told[#told]
      assert.equal(whole.ring, last.ring)
      assert.same(last.joined, last.left)
      assert.same(last.joined, last.merged[2])
      assert.equal(node == 3 and 2 or 1, #last.joined)
    end
  end)

  it("follow a process that is killed", function()
    local counts = count_views()
    local ring = views.last(fast[1]).ring
    assert(cluster:kill_host(3))
    assert.equal(ring, all_see({ 1, 2 }, { 1, 2 }, { "1", "2", "3" }).ring)
    for node = 1, 2 do
      local told = since(counts, node)
      assert.same({ 1, list(3), {} }, { #told, told[1].left, told[1].joined })
    end
  end)

  it("follow a daemon that is killed and restarted at once", function()
    local counts, gone = count_views(), list(3)
    local lost = fast[3]
    assert(cluster:restart(3))
    assert(cluster:wait_for(function() return lost.exited end, 60))
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

  it("follow a node that was paused", function()
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
    -- Node 3 may or may not have been notified that the others were away.
    local told = since(counts, 3)
    assert.is_true(#told > 0)
  end)

  it("wait for a ring without using CPU, and arrive with it", function()
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
      print(group:wait_for(function() return view end, 60))
      print(#view.nodes) ]] }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 60))
    assert(cluster:pause(3))
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(60)), written(program))
    assert.same({ "ready", "timeout", "true", "true", "2" }, program.lines)
    assert(cluster:resume(3))
  end)
end)

describe("regression: a group with views, activated after a restart of the daemon #slow", function()
  it("uses a new connection", function()
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
      assert(cluster:wait_for(function() return groups.has_line(program, text) or program.exited end, 60))
    end
    has "ready"
    assert(cluster:kill(1))
    assert(program:write "\n")
    has "gone"
    assert(cluster:restart(1))
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(60)), table.concat(program.errors, "\n"))
    assert.same({ "ready", "not_connected", "gone", "true", "true" }, program.lines)
  end)
end)
