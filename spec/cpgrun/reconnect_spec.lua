local lab = require "corosync.lab"
local program = require "spec.helpers.program"

local file, line, complaint = program.file, program.line, program.complaint

local NOTHING = "function config_change() end\n"

describe("cpgrun #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  it("survives a daemon that is killed and rejoins with all its connections", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local path = file("orphan.lua", [[
      function config_change(members, left, joined) print("config", #members, #left, #joined) end
      function quorum_change(quorate) print("quorate", quorate) end
      function message_received(_, message) print("message", message) end
      function disconnected(reason)
        print("disconnected", type(reason), select(3, group:send_message "lost"), select(3, cmap:get "totem.version"))
      end
      local tracker = assert(cmap:track("spec.", function(event, key, new) print(event, key, new) end))
      local input = require("luv").new_pipe(false)
      input:open(0)
      input:read_start(function()
        print("sent", group:send_message "back", cmap:set("spec.back", 1, "u32"), quorum:quorate())
      end)
      function started() print "up" end
      function stopping() print "bye" end]])
    local it = assert(cluster:run(1, { "cpgrun", path }))
    line(it, "^up$")
    assert(cluster:kill(1))
    line(it, "^disconnected\tstring\tnot_connected\tnot_connected$")
    complaint(it, " warning: .*has gone.*; reconnecting$")
    local before = #it.lines
    assert(cluster:restart(1))
    complaint(it, " info: rejoined group 'orphan'$")
    assert(cluster:wait_for(function()
      local seen = table.concat(it.lines, "\n", before + 1)
      return seen:find "config\t1\t0\t1" and seen:find "quorate\ttrue"
    end, 60))
    -- The map's connection comes back by itself, and perhaps after the group's.
    assert(cluster:wait_for(function()
      assert(it:write "\n")
      return table.concat(it.lines, "\n"):find "sent\ttrue\ttrue\ttrue"
    end, 60))
    line(it, "^message\tback$")
    line(it, "^add\tspec.back\t1$")
    assert(it:kill "sigterm")
    assert.same({ 0, 0 }, { it:wait(60) })
    line(it, "^bye$")
  end)

  it("reports repeatedly that it is still disconnected", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local it = assert(cluster:run(1, { "cpgrun", file("away.lua", NOTHING .. [[
      group.timeout = 1
      function started() print "up" end]]) }))
    line(it, "^up$")
    assert(cluster:kill(1))
    local pattern = " warning: group 'away' is still disconnected after (%d+) s; retrying"
    local first = complaint(it, pattern)
    assert(cluster:wait_for(function()
      local last = it.errors[#it.errors]:match(pattern)
      return last and tonumber(last) > tonumber(first)
    end, 60))
    assert(cluster:restart(1))
    complaint(it, " info: rejoined group 'away'$")
    assert(it:kill "sigterm")
    assert.same({ 0, 0 }, { it:wait(60) })
  end)

  it("reports repeatedly that a replica is still not ready, and what it needs", function()
    local cluster = assert(lab.start(2))
    finally(function() assert(cluster:stop()) end)
    local path = file("alone.lua", [[
      group.timeout = 1
      local app = assert(require "corosync.replica"("alone", { ready = function() print "ready" end }))]])
    local it = assert(cluster:run(1, { "cpgrun", path }))
    local pattern = " warning: replica 'alone' is still not ready after (%d+) s: members run on too few nodes: start "
      .. "them on a majority of the nodes"
    local first = complaint(it, pattern)
    assert(cluster:wait_for(function()
      local last = it.errors[#it.errors]:match(pattern)
      return last and tonumber(last) > tonumber(first)
    end, 60))
    assert(cluster:run(2, { "cpgrun", path }))
    line(it, "^ready$")
  end)

  -- Between a member's death and the token's loss no group is notified of anything. This lasts until a spec makes the
  -- ring whole: a daemon that starts forms a new one at once.
  describe("on a broken ring", function()
    local cluster

    before_each(function() cluster = assert(lab.start { nodes = 2, token = 60000 }) end)
    after_each(function() assert(cluster:stop()) end)

    local function join_broken_ring(name, timeout, body)
      local path = file(name .. ".lua", NOTHING .. "group.timeout = " .. timeout .. [[

        io.read()
        function started() print "up" end
        require("luv").new_timer():start(0, 0, function()
          print("in the loop", group:is_active()) ]] .. (body or "") .. [[
        end)]])
      local it = assert(cluster:run(1, { "cpgrun", path }))
      assert(cluster:kill(2))
      assert(it:write "\n")
      line(it, "^in the loop\ttrue$")
      return it
    end

    local function ends_well(it)
      line(it, "^up$")
      assert(it:kill "sigterm")
      assert.same({ 0, 0 }, { it:wait(60) })
    end

    it("reports that it has not joined, and joins when the ring is whole", function()
      local it = join_broken_ring("patient", 1.0005)
      complaint(it, " warning: group 'patient' has not joined after 1 s; still waiting: ")
      assert(cluster:restart(2))
      ends_well(it)
    end)

    it("calls started also when the script left meanwhile, and rejoins", function()
      local it = join_broken_ring("again", 10, [[
        print("left", group:deactivate(), group:activate())]])
      assert(cluster:restart(2))
      line(it, "^left\ttrue\ttrue$")
      ends_well(it)
    end)

    it("completes the leave that the script asked for when its daemon is killed meanwhile", function()
      local it = assert(cluster:run(1, { "cpgrun", file("leaver.lua", NOTHING .. [[
        function started() print "up" end
        local input = require("luv").new_pipe(false)
        input:open(0)
        input:read_start(function() print("left", group:deactivate()) input:close() end)
        function disconnected() print("disconnected", group:is_active()) end]]) }))
      line(it, "^up$")
      assert(cluster:kill(2))
      assert(it:write "\n")
      line(it, "^left\ttrue$")
      assert(cluster:kill(1))
      assert.same({ 0, 0 }, { it:wait(60) })
      line(it, "^disconnected\tfalse$")
      complaint(it, " warning: .*has gone")
    end)

    it("exits with 0 when the script keeps its group inactive", function()
      local it = assert(cluster:run(1, { "cpgrun", file("free.lua", NOTHING
        .. 'function quorum_change() print "up" end\n'
        .. "function disconnected() assert(group:deactivate()) end") }))
      line(it, "^up$")
      complaint(it, " info: joined")
      assert(cluster:kill(1))
      assert.same({ 0, 0 }, { it:wait(60) })
      complaint(it, " warning: .*has gone")
    end)

    it("joins in the end although its daemon is killed first, whatever the timeout", function()
      local it = join_broken_ring("unlucky", "math.huge")
      assert(cluster:kill(1))
      complaint(it, "; reconnecting$")
      assert(cluster:restart(1))
      ends_well(it)
    end)
  end)
end)
