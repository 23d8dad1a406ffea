local program = require "spec.helpers.program"

local cpgrun, run_script = program.cpgrun, program.run_script

local file, line, complaint = program.file, program.line, program.complaint

local NOTHING = "function config_change() end\n"

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("stops", function()
    local TELL = NOTHING .. "function started() print 'up' end\nfunction stopping() print(group:is_active()) end\n"

    local count = 0

    -- Starts another member, which sees how cpgrun leaves. Returns it, and the option that names their group.
    local function watcher()
      count = count + 1
      local option = "--group=ending" .. count
      local it = program.start("cpgrun", option, file("watcher.lua", [[
        function config_change(_, left)
          for _, address in ipairs(left) do print("left", address.pid, address.reason) end
        end
        function started() print "up" end]]))
      line(it, "^up$")
      return it, option
    end

    for _, signal in ipairs { "sigint", "sigterm" } do
      it("cleanly by " .. signal, function()
        local other, option = watcher()
        local it = cpgrun("ending", TELL, option)
        line(it, "^up$")
        it:kill(signal)
        assert.same({ 0, 0 }, { it:wait(60) })
        assert.equal("true", it.lines[2])
        assert.equal("leave", line(other, "^left\t%d+\t(.*)$"))
      end)
    end

    it("cleanly by SIGTERM with a SIGHUP after it, as from systemd", function()
      local it = cpgrun("ending", NOTHING .. "function started() print 'up' end\n" .. [[
        function stopping()
          print "stopping"
          io.read()
        end]])
      line(it, "^up$")
      it:kill "sigterm"
      line(it, "^stopping$")
      it:kill "sighup"
      it:write "\n"
      assert.same({ 0, 0 }, { it:wait(60) })
    end)

    it("not by SIGHUP when that is ignored, as by nohup", function()
      local it = program.start("sh", "-c", "trap '' HUP; exec cpgrun " .. file("nohup.lua", TELL))
      line(it, "^up$")
      it:kill "sighup"
      it:kill "sigterm"
      assert.same({ 0, 0 }, { it:wait(60) })
      complaint(it, "info: stopping on SIGTERM$")
    end)

    it("cleanly by SIGINT when the reader of its output has gone", function()
      local path = file("gone.lua", NOTHING .. [[
        function started() print(("%d"):format(group:address().pid)) end
        function stopping() repeat until not require("luv").fs_write(1, "still here\n", -1) end]])
      local _, _, errors = program.run("sh", "-c",
        ("{ cpgrun %s; echo status $? >&2; } | { read pid; kill -INT $pid; }"):format(path))
      assert.matches("info: stopping on SIGINT\nstatus 0$", errors)
    end)

    it("cleanly by loop.stop in a handler", function()
      local other, option = watcher()
      local code, out = run_script("ending", TELL .. [[
        function message_received() require("corosync").loop.stop() end
        function started() assert(group:send_message "x") end]], option)
      assert.equal(0, code)
      assert.equal("true", out)
      assert.equal("leave", line(other, "^left\t%d+\t(.*)$"))
    end)

    it("when the script leaves its group, although cmap and quorum are open", function()
      local code, out = run_script("leaving", [[
        cmap:track("", function() end)
        function quorum_change() end
        function view_change() assert(group:deactivate()) end
        function stopping() print("bye", group:is_active()) end]])
      assert.equal(0, code)
      assert.equal("bye\tfalse", out)
    end)

    it("by loop.stop in handlers of views, quorum and a tracker", function()
      for name, text in pairs {
        view = "function view_change() require('corosync').loop.stop() end",
        quorum = NOTHING .. "function quorum_change() require('corosync').loop.stop() end",
        tracker = NOTHING .. [[
          cmap:track("spec.cpgrun.end", function(kind)
            if kind == "add" then require("corosync").loop.stop() end
          end)
          function started()
            assert(cmap:set("spec.cpgrun.end", 1, "u8"))
            assert(cmap:delete "spec.cpgrun.end")
          end]],
      } do
        local code, out = run_script(name, text .. "\nfunction stopping() print 'bye' end")
        assert.same({ 0, "bye" }, { code, out })
      end
    end)

    it("by loop.stop in the first config_change", function()
      local code, out = run_script("first", [[
        function config_change() require("corosync").loop.stop() end
        function stopping() print "bye" end]])
      assert.equal(0, code)
      assert.equal("bye", out)
    end)

    it("without a crash when handles are left open or closing", function()
      local code = run_script("handles", NOTHING .. [[
        local uv = require "luv"
        local timers = {}
        function started()
          for i = 1, 20 do
            timers[i] = uv.new_timer()
            timers[i]:start(1000000, 0, print)
          end
          uv.new_pipe(false)
        end
        function stopping()
          for i = 1, 10 do timers[i]:close(print) end
          uv.new_tcp():close()
        end
        uv.new_timer():start(50, 0, function() require("corosync").loop.stop() end)]])
      assert.equal(0, code)
    end)
  end)

  it("not when a peer hangs up", function()
    local it = cpgrun("peer", NOTHING .. [[
      local uv = require "luv"
      function started()
        local server, timer = uv.new_tcp(), uv.new_timer()
        server:bind("127.0.0.1", 0)
        server:listen(1, function()
          local client = uv.new_tcp()
          server:accept(client)
          timer:start(10, 10, function()
            client:write("hello", function(problem)
              if problem then print(problem) require("corosync").loop.stop() end
            end)
          end)
        end)
        local peer = uv.new_tcp()
        peer:connect("127.0.0.1", server:getsockname().port, function() peer:close() end)
      end]])
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.matches("^E%u+$", it.lines[1])
  end)

  it("with exit code 1 when its output cannot be written to a full disk", function()
    for _, words in ipairs { "--version", "--help", "--check examples/demo/member.lua" } do
      local code, out, errors = program.run("sh", "-c", "cpgrun " .. words .. " >/dev/full")
      assert.same({ 1, "" }, { code, out })
      assert.equal("cpgrun: cannot write all output to standard output: is the disk full?", errors)
    end
  end)

  it("cleanly when the reader of its output has gone", function()
    local path = file("ticks.lua", NOTHING .. [[
      require("luv").new_timer():start(10, 10, function() print "tick" end)
      function stopping() io.stderr:write "in order\n" end]])
    local code, out, errors = program.run("sh", "-c", ("{ cpgrun %s; echo $? >&2; } | head -n 2"):format(path))
    assert.same({ 0, "tick\ntick" }, { code, out })
    assert.matches("info: stopping on SIGTERM\nin order\n0$", errors)
  end)

  it("by os.exit in a handler, also with closing of the state", function()
    local code, _, errors = run_script("exit", [[
      function message_received() os.exit(8, true) end
      function started() group:send_message "" end]])
    assert.equal(8, code, errors)
  end)
end)
