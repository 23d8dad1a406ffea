-- A short run under random faults; docs/testing.md describes long ones.
local program = require "spec.helpers.program"

describe("cpgrun check #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  local function check(seconds, ...)
    local it = program.start("cpgrun", "check", ...)
    local code, signal = assert(it:wait(seconds))
    return code, signal, table.concat(it.lines, "\n") .. table.concat(it.errors, "\n")
  end

  it("finds no violations in members that send at full rate", function()
    local code, signal, out = check(200, "--nodes", "5", "--seconds", "10", "soak/member.lua")
    assert.same({ 0, 0 }, { code, signal }, out)
    assert.matches("^seed %d+, 5 nodes, 10 seconds\n", out)
    assert.is_true(tonumber(out:match "(%d+) messages sent") > 0, out)
    assert.is_true(tonumber(out:match "(%d+) faults") > 1, out)
    assert.matches("No ordering violations.$", out)
  end)

  it("finds no violations in members that pack and send long messages", function()
    local code, signal, out = check(200, "--nodes", "3", "--seconds", "10", "soak/packed.lua")
    assert.same({ 0, 0 }, { code, signal }, out)
    assert.is_true(tonumber(out:match "(%d+) messages sent") > 100, out)
    assert.is_true(tonumber(out:match "(%d+) faults") > 1, out)
    assert.matches("The states that the script reported after 'settle' were compared %d+ time", out)
    assert.matches("No ordering violations.$", out)
  end)

  it("runs a script unchanged and finds its violations", function()
    local path = program.file("raises.lua", [[
      function config_change(members) if #members == 2 then error "not today" end end
      function started() group:send_message "" end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(1, code)
    assert.matches("^seed 5, 2 nodes", out)
    assert.matches("The script raised an error %(%d+ times?%): [^\n]*raises.lua:1: not today\n", out)
    assert.matches("The script did not reply to 'settle' .*so its states were not compared.\n", out)
    assert.matches("No ordering violations, but the script raised errors.\n", out)
    local folder = assert(out:match "logs are in (/%S+)")
    local log = assert(io.open(folder .. "/node2.corosync.txt"))
    assert.matches("Corosync Cluster Engine", log:read "*a")
    log:close()
    assert.equal(0, (program.run("rm", "-r", folder)))
  end)

  it("finds the operations of the replicated counter linearizable", function()
    local code, _, out = check(120, "--nodes", "3", "--seconds", "10", "examples/counter.lua")
    assert.equal(0, code, out)
    local count = out:match "(%d+) operations on shared objects, checked by the rule linearizable"
    assert.is_true(tonumber(count) > 0, out)
    assert.matches("No ordering violations.$", out)
  end)

  it("kills a script that a majority needs for a replica's state only with --kill-all", function()
    local path = program.file("mapped.lua", "local values = map 'values'")
    local code, _, out = check(120, "--nodes", "2", "--seconds", "2", "--seed", "7", path)
    assert.equal(0, code, out)
    assert.not_matches("kill_host", out)
    code, _, out = check(120, "--kill-all", "--nodes", "2", "--seconds", "2", "--seed", "7", path)
    assert.equal(0, code, out)
    assert.matches("kill_host", out)
  end)

  it("waits with the first fault for replicas that their nodes remember from an earlier trial", function()
    local path = program.file("remembered.lua", [[
      assert(cmap:set("lua_corosync.replica.remembered", "1.1.1.0", "string"))
      require "corosync.replica"("remembered", { patience = 4 })]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", path)
    assert.equal(0, code, out)
    local first_fault = out:match "\n *(%d+%.%d) s  "
    assert.is_true(tonumber(first_fault) > 4, out)
  end)

  it("reports errors in functions of a replica that the script itself makes, but no lost connections", function()
    local path = program.file("own.lua", [[
      local corosync = require "corosync"
      assert(corosync.loop.add(corosync.group("other", {})))
      local map = assert(require "corosync.replica" "own"):map "m"
      map:watch("", function() if arg[1] then error "not today" end end)
      periodically(0.1, function() map:increment("n", 1) end)]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "10", "--seed", "5", path)
    assert.equal(0, code, out)
    assert.matches(" kill%(", out)
    code, _, out = check(120, "--nodes", "2", "--seconds", "1", path, "raise")
    assert.equal(1, code, out)
    assert.matches("The script raised an error %(%d+ times?%): [^\n]*own.lua:4: not today\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("fails when members of a replica have diverged", function()
    local path = program.file("diverges.lua", [[
      local uv = require "luv"
      local app = assert(require "corosync.replica" "diverges")
      local node = assert(cmap:get "runtime.votequorum.this_node_id")
      local machine = app:machine("node", { apply = function() return node end })
      uv.new_timer():start(100, 100, function() machine:submit("x", function() end) end)]])
    local code, _, out = check(120, "--nodes", "3", "--seconds", "5", path)
    assert.equal(1, code, out)
    assert.matches("The script raised an error %(%d+ times?%): diverged: the state of machine 'node' of replica "
      .. "'diverges' differs\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("compares the states that members report at the end", function()
    local path = program.file("differs.lua", [[
      local input = require("luv").new_pipe(false)
      input:open(0)
      input:read_start(function(_, text)
        if text and text:find "settle\n" then print("settled " .. os.getenv "CPGRUN_SEED") end
      end)
      function config_change() end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(1, code, out)
    local one, other = out:match "node 1 reported '(%d+)', node 2 reported '(%d+)'\n"
    assert.is_true(one ~= other, out)
    assert.matches("No ordering violations, but its members settled with different states.\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("fails when members have begun to settle, and report no state", function()
    local path = program.file("silent.lua", [[
      function config_change() end
      function line_received(line) if line == "settle" then print "settling" end end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(1, code, out)
    assert.matches("\nstates after settling: node 1 did not reply, node 2 did not reply\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  -- Runs soak/replica.lua, which reports this as its settled state.
  local function check_replica(report)
    local source = assert(io.open "soak/replica.lua")
    local text, changes = source:read "*a":gsub('(print%("settled " %.%. )counter%.state%.settled', function(print)
      return print .. report
    end)
    source:close()
    assert.equal(1, changes)
    return check(120, "--nodes", "3", "--seconds", "5", program.file("replica.lua", text))
  end

  it("compares the states of a replica at one index", function()
    local code, _, out = check_replica "counter.state.settled"
    assert.equal(0, code, out)
    assert.matches("\nThe states that the script reported after 'settle' were compared 1 time.\n", out)
    assert.is_true(tonumber(out:match "(%d+) operations on shared objects") > 0, out)
  end)

  it("finds a difference between the states of a replica", function()
    local code, _, out = check_replica "counter.state.settled .. ' by ' .. group:address().node"
    assert.equal(1, code, out)
    local settled, by_node = {}, {}
    for node, state, by in out:gmatch "node (%d) reported '(%d+ at %d+) by (%d)'" do
      settled[#settled + 1], by_node[#by_node + 1] = state, node == by
    end
    assert.same({ settled[1], settled[1], settled[1] }, settled)
    assert.same({ true, true, true }, by_node)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("exits with 1 and names the rule that a history violates", function()
    local path = program.file("forges.lua", [[
      function config_change() end
      function stopping()
        os.execute('for f in "$CPGRUN_HISTORY"/*; do echo "message 9:9 1:0a" >>"$f"; done')
      end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(1, code, out)
    assert.matches("\nmembers_only: %d:%d+ delivered message 1:0a of 9:9, which was not a member %(/%S+:%d+%)\n",
      out)
    assert.matches("\nFAIL: ordering guarantees were violated.\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("reports a script's notes separately from the order of messages", function()
    local path = program.file("notes.lua", [[
      function config_change() end
      function started()
        local history = require "corosync.history"
        history.note(group, "raise e1")
        history.note(group, "quiet")
      end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(1, code, out)
    assert.matches("\nreported_errors: the error 'e1' was raised, but not reported %(/%S+:%d+%)\n", out)
    assert.matches("\nNo ordering violations, but the script's notes of errors or usage violate a rule.\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("ends at once and checks nothing when the histories cannot be stored", function()
    local path = program.file("full.lua", [[
      local uv = require "luv"
      uv.new_signal():start("sigxfsz", function() end)
      os.execute(("prlimit --fsize=2000:2000 --pid %d"):format(uv.os_getpid()))
      function config_change() end
      function started() for _ = 1, 100 do group:send_message "" end end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(2, code, out)
    assert.matches("The run failed [^\n]*: cannot record group 'check%-5' any more: File too large\n", out)
    assert.not_matches("all faults have ended", out)
    assert.not_matches("ordering violations", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("reports a script that exits abnormally", function()
    local path = program.file("ends.lua", "function config_change() end function stopping() os.exit(3) end")
    local code, _, out = check(120, "--nodes", "2", "--seconds", "1", "--seed", "5", path)
    assert.equal(1, code, out)
    assert.matches("the script on node 1 exited with status 3: no error was logged\n", out)
    assert.matches("No ordering violations, but it did not exit cleanly.\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("finds descriptors that a script leaves open", function()
    local path = program.file("leak.lua", [[
      local kept = {}
      function config_change() end
      function started() require("luv").new_timer():start(10, 10, function() group:send_message "" end) end
      function message_received() kept[#kept + 1] = assert(io.open "/dev/null") end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "2", "--seed", "5", path)
    assert.equal(1, code, out)
    assert.matches("the script on node %d has %d+ descriptors open after settling, and had at most %d+",
      out)
    assert.matches("No ordering violations, but it leaks descriptors.\n", out)
    assert.equal(0, (program.run("rm", "-r", assert(out:match "logs are in (/%S+)"))))
  end)

  it("reports at once that a script does not start", function()
    local code, _, out = check(120, "--nodes", "2", "--seconds", "50", program.file("nil.lua", "config_change = x.y"))
    assert.equal(2, code)
    assert.matches("error: the script failed to start: [^\n]*nil.lua:1: attempt to index ", out)
    assert.not_matches("all faults have ended", out)
  end)

  it("finds no violations in groups that join and leave", function()
    local path = program.file("comes_and_goes.lua", [[
      local corosync, uv = require "corosync", require "luv"
      local function nothing() end
      local function use(name)
        local other = corosync.group(name, { config_change = nothing, message_received = nothing, error = nothing })
        corosync.loop.add(other)
        return other
      end
      config_change = nothing
      function started()
        local node, count, second = group:address().node, 0, use "second"
        uv.new_timer():start(100, 100, function()
          count = count + 1
          second:send_message(node .. " " .. count)
          if count % 4 == node then
            second:deactivate()
            corosync.loop.add(second)
          elseif count % 4 == 0 then
            local other = use " used once and again"
            other:send_message "used"
            uv.new_timer():start(200, 0, function() other:deactivate() end)
          end
        end)
        io.stderr:write("this is no error: of mine\n")
      end]])
    local code, _, out = check(120, "--nodes", "2", "--seconds", "4", "--seed", "7", path)
    assert.equal(0, code, out)
    assert.matches("No ordering violations.$", out)
  end)

  it("names the folder of the histories on a signal", function()
    for name, status in pairs { sighup = 129, sigint = 130 } do
      local it = program.start("cpgrun", "check", "--nodes", "2", "--seconds", "50", "--seed", "5",
        program.file("idle.lua", "function config_change() end"))
      program.line(it, "^ *%d+%.%d s  ", 60) -- the first fault
      it:kill(name)
      assert.equal(status, (assert(it:wait(60))))
      local folder = program.line(it, "^Stopped by " .. name:upper() .. "%. The histories so far are in (/%S+)$")
      assert.equal(0, (program.run("rm", "-r", folder)))
    end
  end)

  it("rejects numbers that it cannot use", function()
    for _, words in ipairs { { "--seed", "x" }, { "--seconds", "0" }, { "--nodes", "9" }, { "--nodes", "1" }, {} } do
      words[#words + 1] = #words > 0 and "x.lua" or nil
      local code, _, out = check(60, (table.unpack or unpack)(words)) -- luacheck: globals unpack
      assert.not_equal(0, code)
      assert.matches("Usage: cpgrun check", out)
    end
    assert.equal(2, (check(60, "/nonexistent.lua")))
  end)
end)
