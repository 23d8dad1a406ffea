-- Quorum while the network is partitioned and daemons are killed.
local lab = require "corosync.lab"

describe("quorum on three nodes #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(3)) end)

  teardown(function() assert(cluster:stop()) end)

  local function watch(node)
    return assert(cluster:run(node, { os.getenv("LUA"):match "%S+$", "spec/helpers/clients/quorum_watcher.lua" }))
  end

  -- The words of the next line that begins so; lines are taken in order.
  local function expect(program, ...)
    local wanted, words = table.concat({ ... }, "\t"), nil
    local function found()
      while (program.read or 0) < #program.lines do
        program.read = (program.read or 0) + 1
        local line = program.lines[program.read]
        if line:sub(1, #wanted) == wanted then
          words = {}
          for word in line:gmatch "%S+" do
            words[#words + 1] = word
          end
          return true
        end
      end
      return program.exited
    end
    cluster:wait_for(found, 60, wanted)
    assert.is_table(words, ("%s: no line '%s' in:\n%s\n%s"):format(tostring(program.pid), wanted,
      table.concat(program.lines, "\n"), table.concat(program.errors, "\n")))
    return words
  end

  -- The last line of those beginning so, read or not.
  local function last_ring(program, name)
    for i = #program.lines, 1, -1 do
      local ring = program.lines[i]:match("^" .. name .. "\t.*\t(%d+/%d+)$")
      if ring then
        return ring
      end
    end
  end

  -- Waits until all three sources name the same ring, at the end of a change.
  local function agree(program, ring)
    assert(cluster:wait_for(function()
      return last_ring(program, "quorum") == ring and last_ring(program, "nodelist") == ring
        and last_ring(program, "ring") == ring
    end, 60, "the same ring " .. ring))
  end

  local function end_watcher(program)
    assert(program:kill "sigkill")
    assert(program:wait(60))
  end

  it("is lost by the smaller side, kept by the larger one, and regained after the merge", function()
    local watchers = { watch(1), watch(2), watch(3) }
    local first
    for _, watcher in ipairs(watchers) do
      local nodelist = expect(watcher, "nodelist", "1,2,3", "-", "-")
      local told = expect(watcher, "quorum", "true", "1,2,3")
      assert.equal(nodelist[5], told[4])
      first = first or told[4]
      assert.equal(first, told[4])
      agree(watcher, first)
    end

    assert(cluster:partition({ 1, 2 }, { 3 }))
    local greater = expect(watchers[1], "nodelist", "1,2", "3", "-")[5]
    assert.equal(greater, expect(watchers[1], "quorum", "true", "1,2")[4])
    assert.equal(greater, expect(watchers[2], "nodelist", "1,2", "3", "-")[5])
    assert.equal(greater, expect(watchers[2], "quorum", "true", "1,2")[4])
    local smaller = expect(watchers[3], "nodelist", "3", "1,2", "-")[5]
    assert.equal(smaller, expect(watchers[3], "quorum", "false", "3")[4])
    assert.is_true(greater ~= smaller and greater ~= first and smaller ~= first)
    agree(watchers[1], greater)
    agree(watchers[2], greater)

    assert(cluster:heal())
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
    local whole = expect(watchers[1], "nodelist", "1,2,3", "-", "3")[5]
    assert.equal(whole, expect(watchers[1], "quorum", "true", "1,2,3")[4])
    assert.equal(whole, expect(watchers[2], "nodelist", "1,2,3", "-", "3")[5])
    assert.equal(whole, expect(watchers[3], "nodelist", "1,2,3", "-", "1,2")[5])
    assert.equal(whole, expect(watchers[3], "quorum", "true", "1,2,3")[4])
    for _, watcher in ipairs(watchers) do
      agree(watcher, whole)
      end_watcher(watcher)
    end
  end)

  it("reports a node that restarts too fast to be missed", function()
    local watcher, killed = watch(1), watch(3)
    local before = expect(watcher, "quorum", "true", "1,2,3")[4]
    expect(killed, "quorum", "true", "1,2,3")
    assert(cluster:kill(3))
    assert(cluster:restart(3))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
    -- Either in one notice or in two: the node has left, and has joined.
    local left, joined = {}, {}
    assert(cluster:wait_for(function()
      for _, line in ipairs(watcher.lines) do
        local gone, came = line:match "^nodelist\t%S+\t(%S+)\t(%S+)\t"
        left[gone or "?"], joined[came or "?"] = true, true
      end
      return left["3"] and joined["3"]
    end, 60, "node 3 in left and in joined"))
    assert(cluster:wait_for(function()
      local after = last_ring(watcher, "quorum")
      return after ~= before and after == last_ring(watcher, "nodelist")
    end, 60, "the last ring"))
    assert.is_nil((table.concat(watcher.lines, "\n"):match "quorum\tfalse"))
    end_watcher(watcher)
  end)

  it("and cmap fail with not_connected when the daemon is killed, and their handles close without an error", function()
    local watcher = watch(2)
    expect(watcher, "quorum", "true")
    agree(watcher, last_ring(watcher, "quorum"))
    assert(cluster:kill(2))
    expect(watcher, "lost", "not_connected")
    assert.equal(0, watcher:wait(60), table.concat(watcher.errors, "\n"))
    local after = {}
    for i = watcher.read + 1, #watcher.lines do
      after[#after + 1] = watcher.lines[i]
    end
    assert.same({
      "quorum\tquorate\tnot_connected",
      "quorum\ttrack\tnot_connected",
      "quorum\tuntrack\tnot_connected",
      "quorum\twait\tnot_connected",
      "quorum\treceive\tnot_connected",
      "quorum\tfetch\tnot_connected",
      "quorum\tfd\tnot_connected",
      "cmap\tget\tnot_connected",
      "cmap\tset\tnot_connected",
      "cmap\teach\tnot_connected",
      "cmap\ttrack\tnot_connected",
      "tracker\tcancel\ttrue",
      "end\ttrue\ttrue",
    }, after)
    assert(cluster:restart(2))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
    local again = watch(2)
    expect(again, "quorum", "true", "1,2,3")
    end_watcher(again)
  end)
end)
