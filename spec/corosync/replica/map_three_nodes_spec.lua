local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"

describe("a replica's map on three nodes #slow", function()
  local cluster, all, name
  local count = 0

  local function written(program)
    return table.concat(program.lines, "\n") .. "\n" .. table.concat(program.errors, "\n")
  end

  -- Returns the captures of a node's lines that match, from a line on.
  local function lines(node, pattern, from)
    local found = {}
    for i = from or 1, #all[node].lines do
      found[#found + 1] = all[node].lines[i]:match(pattern)
    end
    return found
  end

  local function wait_for(node, pattern, from)
    local ok, message = cluster:wait_for(function() return #lines(node, pattern, from) > 0 end, 30, pattern)
    assert(ok, ("%s; node %d:\n%s"):format(tostring(message), node, written(all[node])))
    return lines(node, pattern, from)[1]
  end

  local function start(node)
    all[node] = assert(cluster:run(node, { groups.interpreter, "spec/helpers/clients/map_member.lua", name },
      { host = true }))
  end

  local function write(node, text, ...)
    assert(all[node]:write(text:format(...) .. "\n"))
  end

  -- Runs a command on a node, and returns the result.
  local function run(node, text)
    local from = #all[node].lines + 1
    write(node, "%s", text)
    local what = text:match "^%S+ %S+"
    return wait_for(node, ("^done %s (.*)$"):format(what), from)
  end

  local function list(node)
    local from = #all[node].lines + 1
    write(node, "list")
    return wait_for(node, "^list (.*)$", from)
  end

  local function lists_of(node, expected)
    local ok = cluster:wait_for(function() return list(node) == expected end, 30, expected)
    assert(ok, ("node %d has not %s:\n%s"):format(node, expected, written(all[node])))
  end

  -- Checks that a watcher's calls follow from each other, without gaps and repetitions, and lead to this list.
  local function check_told(node, expected)
    local values, last, keys = {}, 0, {}
    for _, line in ipairs(lines(node, "^(told .*)$")) do
      local key, new, old, index = line:match "^told (%S+) (%S+) (%S+) (%d+)$"
      assert.equal(values[key] or "nil", old, line .. "\n" .. written(all[node]))
      assert.is_true(tonumber(index) >= last, line)
      last, values[key] = tonumber(index), new ~= "nil" and new or nil
    end
    for key, value in pairs(values) do
      keys[#keys + 1] = key .. "=" .. value
    end
    table.sort(keys)
    assert.equal(expected, table.concat(keys, ","))
  end

  local function calls(node, key)
    return #lines(node, ("^told (%s) "):format(key))
  end

  setup(function()
    cluster = assert(lab.start { nodes = 3, token = 500 })
  end)

  teardown(function()
    cluster:stop()
  end)

  before_each(function()
    count = count + 1
    name, all = "maps-" .. count, {}
    for node = 1, 3 do
      start(node)
    end
    for node = 1, 3 do
      wait_for(node, "^ready$")
    end
  end)

  after_each(function()
    cluster:heal()
    for node = 1, 3 do
      if not all[node].exited then
        all[node]:kill "sigkill"
        assert(all[node]:wait(10))
      end
    end
    assert(cluster:wait_members({ 1, 2, 3 }, 30))
  end)

  it("tells a watcher each change once although its node is cut off", function()
    assert.equal("true nil", run(3, "set kept 1"))
    assert.equal("true nil", run(3, "set gone 1"))
    assert.equal("true nil", run(3, "set changed 1"))
    wait_for(1, "^told changed 1 nil")
    local from, first = #all[3].lines + 1, #all[1].lines + 1
    assert(cluster:partition({ 1, 2 }, { 3 }))
    assert.equal("true nil", run(1, "set changed 2"))
    assert.equal("true nil", run(2, "delete gone"))
    assert.equal("true nil", run(1, "set new 1"))
    assert(cluster:heal())
    wait_for(3, "^ready$", from)
    assert.equal("true nil", run(1, "set last 1"))
    for node = 1, 3 do
      wait_for(node, "^told last 1 nil")
      check_told(node, "changed=2,kept=1,last=1,new=1")
      assert.same({ 1, 2, 2, 1 }, { calls(node, "kept"), calls(node, "gone"), calls(node, "changed"),
        calls(node, "new") })
    end
    assert.same({ 0, 1 }, { #lines(1, "^restarted$", first), #lines(3, "^restarted$", from) })
  end)

  it("tells a watcher each change once although its Corosync is killed", function()
    assert.equal("true nil", run(3, "set a 1"))
    local from = #all[3].lines + 1
    assert(cluster:kill(3))
    for i = 2, 10 do
      assert.equal("true nil", run(1, "set a " .. i))
    end
    assert(cluster:restart(3))
    wait_for(3, "^told a 10 ", from)
    assert.equal("true nil", run(3, "set b 1"))
    check_told(3, "a=10,b=1")
    assert.same({ 2, 1 }, { calls(3, "a"), calls(3, "b") })
  end)

  it("lets values expire at the same point in the order although the first member dies", function()
    assert.equal("true nil", run(1, "set a 1 2"))
    assert.equal("true nil", run(1, "set b 1"))
    assert(cluster:kill_host(1))
    local index = wait_for(2, "^told a nil 1 (%d+)$")
    assert.equal(index, wait_for(3, "^told a nil 1 (%d+)$"))
    lists_of(2, "b=1")
  end)

  it("lets a new first member delete expired values that it knows from the state", function()
    assert(cluster:kill_host(1))
    assert.equal("true nil", run(2, "set a 1 4"))
    assert.equal("true nil", run(2, "set anew 1 4"))
    assert.equal("true nil", run(2, "set anew 2"))
    start(1)
    wait_for(1, "^told a 1 nil")
    for node = 1, 3 do
      wait_for(node, "^told a nil 1")
      lists_of(node, "anew=2")
    end
  end)

  it("loses no confirmed increment of a counter through cuts", function()
    for node = 1, 3 do
      write(node, "count")
      wait_for(node, "^told visits")
    end
    for _, cut in ipairs { { { 1, 2 }, { 3 } }, { { 1 }, { 2, 3 } } } do
      local from = #all[2].lines + 1
      assert(cluster:partition(cut[1], cut[2]))
      wait_for(2, "^ready$", from)
      wait_for(2, "^told visits %d+0 ", #all[2].lines + 1)
      assert(cluster:heal())
      assert(cluster:wait_members({ 1, 2, 3 }, 30))
    end
    local confirmed, unsure = 0, 0
    for node = 1, 3 do
      write(node, "end")
      local sums = wait_for(node, "^counted (.*)$")
      confirmed = confirmed + tonumber((sums:match "^%d+"))
      unsure = unsure + tonumber((sums:match "%d+$"))
    end
    assert.equal("true nil", run(1, "set last 1"))
    wait_for(2, "^told last")
    local total = tonumber((list(2):match "visits=(%d+)"))
    assert(confirmed > 0 and total >= confirmed and total <= confirmed + unsure,
      ("%d counted, %d confirmed, %d unsure"):format(total, confirmed, unsure))
    for node = 1, 3 do
      wait_for(node, "^told last")
      check_told(node, ("last=1,visits=%d"):format(total))
    end
  end)
end)
