-- cpgrun on the daemon of the node in which the specs run.
local lab = require "corosync.lab"
local machine = require "corosync.lab.machine"
local program = require "spec.support.cpgrun.program"

local file, line, complaint = program.file, program.line, program.complaint

local NOTHING = "function config_change() end\n"

local function cpgrun(name, text, ...)
  local path = file(name .. ".lua", text)
  local argv = { "cpgrun", ... }
  argv[#argv + 1] = path
  return program.start((table.unpack or unpack)(argv)) -- luacheck: globals unpack
end

local function run(name, text, ...)
  local it = cpgrun(name, text, ...)
  local code, signal = assert(it:wait(10))
  assert.equal(0, signal)
  return code, table.concat(it.lines, "\n"), table.concat(it.errors, "\n")
end

-- This node has one vote.
local function set_votes(count)
  assert.equal(0, (program.run(machine.find "corosync-cmapctl", "-s", "quorum.expected_votes", "u32", tostring(count))))
end

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("the command line", function()
    it("shows the versions", function()
      local code, out = program.run("cpgrun", "--version")
      assert.equal(0, code)
      local lua = jit and "LuaJIT 2" or _VERSION
      assert.matches("^cpgrun %d+%.%d+%.%d+\n" .. lua .. "[^\n]*\nCorosync %d+%.%d+", out)
    end)

    it("has each option of --help in the man page, and the other way round", function()
      local code, help = program.run("cpgrun", "--help")
      assert.equal(0, code)
      local handle = assert(io.open "docs/cpgrun.1")
      local page = handle:read "*a":gsub("\\%-", "-")
      handle:close()
      local function options(text)
        local found = {}
        for option in text:gmatch "%-%-[%a-]+" do
          found[option] = true
        end
        return found
      end
      assert.is_true(options(help)["--lab-script"])
      assert.same(options(help), options(page:match "\n%.SH OPTIONS\n(.-)\n%.SH "))
    end)

    for what, words in pairs {
      ["a missing script"] = {}, ["an unknown option"] = { "--nonsense", "x.lua" },
      ["an option without value"] = { "--group" }, ["an unknown level"] = { "--log-level", "loud", "x.lua" },
      ["a lab's script without a lab"] = { "--lab-script", "x.lua", "y.lua" },
      ["a check on a lab"] = { "--check", "--lab", "2", "x.lua" }, ["an empty name"] = { "-g", "", "x.lua" },
      ["a long name"] = { "-g", ("x"):rep(129), "x.lua" },
    } do
      it("refuses " .. what, function()
        local code, _, errors = program.run("cpgrun", (table.unpack or unpack)(words))
        assert.not_equal(0, code)
        assert.matches("^Usage: cpgrun", errors)
        assert.matches("\nError: ", errors)
      end)
    end

    it("warns of its own options behind the script", function()
      local path = file("behind.lua", NOTHING)
      local code, _, errors = program.run("cpgrun", "--check", path, "--lab=3", "--mine", "-g")
      assert.equal(0, code)
      assert.matches("warning: %-%-lab stands after the script", errors)
      assert.equal(1, select(2, errors:gsub("stands after", "")))
    end)

    it("finds the script's modules beside it", function()
      file("beside_it.lua", "return 'found'")
      local path = file("main.lua", NOTHING .. "print(require 'beside_it')")
      local code, out = program.run("cpgrun", "--check", path)
      assert.equal(0, code)
      assert.matches("^found", out)
    end)

    it("gives the script what follows it", function()
      local path = file("words.lua", NOTHING .. "print(#arg, arg[1], arg[2], arg[3], arg[4], ...)")
      local code, out = program.run("cpgrun", "--check", path, "--check", "-g", "--", "--help")
      assert.equal(0, code)
      assert.matches("^4\t%-%-check\t%-g\t%-%-\t%-%-help\t%-%-check\t%-g\t%-%-\t%-%-help\n", out)
    end)
  end)

  describe("--check", function()
    local function check(text)
      return program.run("unshare", "-n", "cpgrun", "--check", file("checked.lua", text))
    end

    it("accepts a good script, without a daemon", function()
      local code, out = check(NOTHING .. "assert(group:send_message 'x') assert(group:address().pid > 0)")
      assert.equal(0, code)
      assert.matches("checked.lua would run in group 'checked'$", out)
    end)

    it("accepts a script with more groups", function()
      assert.equal(0, (check(NOTHING .. [[
        local corosync = require "corosync"
        local other = corosync.group("other", {})
        assert(corosync.loop.add(other))
        assert(other:send_message "x")]])))
    end)

    it("accepts a script that only follows views, and uses the cluster while it loads", function()
      local code, out, errors = check [[
        function view_change() end
        assert(cmap:set("spec.checked", 1, "u8") and cmap:delete "spec.checked")
        assert(cmap:increment "spec.checked" and cmap:decrement "spec.checked")
        local tracker = cmap:track("spec.", function() error "called" end)
        assert(tracker:cancel())
        for _ in cmap:each "totem." do error "no key is there" end
        print(select(3, cmap:get "totem.version"), quorum:quorate(), group:is_quorate(), select(3, group:view())) ]]
      assert.equal(0, code, errors)
      assert.matches("^not_exist\ttrue\ttrue\ttry_again\n.*would run in group 'checked'$", out)
    end)

    it("tells of functions that were surely meant to be handlers", function()
      local code, _, errors = check(NOTHING .. [[
        function message_recieved() end
        function Started() end
        function view_changes() end
        function stop() end]])
      assert.equal(0, code)
      local told = "warning: the script defines %s, which is never called: did you mean %s%%?"
      assert.matches(told:format("message_recieved", "message_received"), errors)
      assert.matches(told:format("Started", "started"), errors)
      assert.matches(told:format("view_changes", "view_change"), errors)
      assert.equal(3, select(2, errors:gsub("did you mean", "")))
    end)

    for what, text in pairs {
      ["a syntax error"] = "x = = 1", ["an error"] = "function config_change() end error 'x'", ["no handler"] = "x = 1",
      ["a handler that is no function"] = NOTHING .. "started = 3", ["a view_change that is none"] = "view_change = {}",
      ["a quorum_change that is none"] = NOTHING .. "quorum_change = 3", ["a bad name"] = NOTHING .. "group_name = ''",
    } do
      it("refuses " .. what, function()
        local code, _, errors = check(text)
        assert.equal(1, code)
        assert.matches("error: .*checked.lua:1: ", errors)
      end)
    end
  end)

  describe("a script that will not do", function()
    it("is told of before Corosync is asked for", function()
      local code, _, errors = program.run("unshare", "-n", "cpgrun", "/nonexistent.lua")
      assert.equal(1, code)
      assert.matches("error: cannot open the script /nonexistent.lua: no such file or directory$", errors)
    end)

    it("with a method called as a function is told so", function()
      local it = cpgrun("colons", NOTHING .. [[
        function started()
          print(select(2, pcall(group.send_message, "x")))
          print(select(2, pcall(cmap.get, "totem.version")))
        end]])
      line(it, "send_message is a method: call it with a colon, as group:send_message%(message%)$")
      line(it, "get is a method: call it with a colon, as cmap:get%(...%)$")
    end)

    it("with a syntax error is told by file and line", function()
      local code, _, errors = run("broken", "x = 1\ny = = 2")
      assert.equal(1, code)
      assert.matches("error: .*/broken.lua:2: ", errors)
      assert.not_matches("joined", errors)
    end)

    it("with an error ends with its traceback", function()
      local code, _, errors = run("boom", NOTHING .. "local function deep() error 'boom' end\ndeep()")
      assert.equal(1, code)
      assert.matches("error: .*/boom.lua:2: boom\nstack traceback:\n", errors)
      assert.matches("boom.lua:2: in .*boom.lua:3: in main chunk", errors)
    end)

    it("with an error that is no string, too", function()
      local code, _, errors = run("object", NOTHING .. "error {}")
      assert.equal(1, code)
      assert.matches("error: %(error object is a table value%)\nstack traceback:\n.*object.lua:2: in main", errors)
    end)

    it("without handlers is told what to define", function()
      local code, _, errors = run("empty", "x = 1")
      assert.equal(1, code)
      assert.matches("empty.lua:1: .*config_change.*message_received", errors)
    end)

    it("with a handler that is no function is told which", function()
      local code, _, errors = run("number", NOTHING .. "message_received = 3")
      assert.equal(1, code)
      assert.matches("number.lua:1: 'message_received' is a number", errors)
    end)

  end)

  it("without a daemon says what to do", function()
    local code, _, errors = program.run("unshare", "-n", "cpgrun", file("alone.lua", NOTHING))
    assert.equal(1, code)
    assert.matches("error: cannot reach Corosync's cpg service: Corosync is not running: start it", errors)
    assert.not_matches("traceback", errors)
  end)

  it("calls started after the join, and all handlers", function()
    local it = cpgrun("calls", [[
      function config_change(members, left, joined)
        print("change", #members, #left, #joined, joined[1] == group:address(), joined[1] and joined[1].reason)
      end
      function message_received(address, message) print("message", address == group:address(), message) end
      function ring_change(ring, nodes) print("ring", ring.node, #nodes) end
      function started() print "started" assert(group:send_message "hello") end]])
    line(it, "^message\ttrue\thello$")
    assert.equal("change\t1\t0\t1\ttrue\tjoin", it.lines[1])
    line(it, "^ring\t1\t1$")
    line(it, "^started$")
  end)

  it("is joined while the script loads, once it sends", function()
    local it = cpgrun("early", [[
      function config_change(members) print("change", #members) end
      assert(group:send_message "early")
      print("sent", group:is_active())
      group_name = "other"
      function message_received(_, message) print(message, group.name) end]])
    line(it, "^early\tearly$")
    assert.same({ "change\t1", "sent\ttrue" }, { it.lines[1], it.lines[2] })
  end)

  it("runs more groups, made before and while it runs", function()
    local it = cpgrun("more", [[
      local corosync = require "corosync"
      local function another(name)
        local other
        other = corosync.group(name, { message_received = function(_, message) print(name, message) end })
        assert(corosync.loop.add(other))
        assert(other:send_message "hi")
      end
      function config_change() end
      function message_received() another "second" end
      another "first"
      function started() assert(group:send_message "go") end]])
    line(it, "^first\thi$")
    line(it, "^second\thi$")
  end)

  describe("the group's name", function()
    local TELL = NOTHING .. "function started() print(group.name) require('corosync').loop.stop() end\n"

    it("is the file's", function()
      local _, out = run("by.file", TELL)
      assert.equal("by.file", out)
    end)

    it("is group_name", function()
      local _, out = run("by_file", "group_name = 'by_global'\n" .. TELL)
      assert.equal("by_global", out)
    end)

    it("is --group's before all", function()
      local _, out = run("by_file", "group_name = 'by_global'\n" .. TELL, "--group", "by_option")
      assert.equal("by_option", out)
    end)
  end)

  it("gives a script views, with nothing else defined", function()
    local it = cpgrun("views", [[
      function view_change(view)
        print("view", #view.members, #view.nodes, view.quorate, #view.joined, view == group:view())
      end]])
    line(it, "^view\t1\t1\ttrue\t1\ttrue$")
    local other = cpgrun("views", "function view_change(view) print(#view.members) end")
    line(it, "^view\t2\t1\ttrue\t1\ttrue$")
    line(other, "^2$")
    other:kill "sigterm"
    line(it, "^view\t1\t1\ttrue\t0\ttrue$")
    assert.equal(3, #it.lines)
  end)

  it("gives a script quorum's changes, and the handler that it has at that time", function()
    local it = cpgrun("quorum", NOTHING .. [[
      function quorum_change(quorate, members)
        print("first", quorate, #members, members[1])
        function quorum_change(now_quorate) print("second", now_quorate) end
      end
      function started() print "up" end]])
    line(it, "^first\ttrue\t1\t1$")
    line(it, "^up$")
    finally(function() set_votes(1) end)
    set_votes(3)
    line(it, "^second\tfalse$")
    set_votes(1)
    line(it, "^second\ttrue$")
  end)

  it("has the configuration map and quorum ready while the script loads", function()
    local it = cpgrun("services", NOTHING .. [[
      print("ready", cmap:get "totem.version", quorum:quorate())
      assert(cmap:set("spec.cpgrun.key", 41, "u32"))
      assert(cmap:increment "spec.cpgrun.key")
      print("value", cmap:get "spec.cpgrun.key")
      cmap:track("spec.cpgrun.", function(kind, key, new_value) print(kind, key, new_value) end)
      function started() print "up" end]])
    line(it, "^ready\t2\ttrue$")
    line(it, "^value\t42\tu32$")
    line(it, "^up$")
    assert.equal(0, (program.run(machine.find "corosync-cmapctl", "-s", "spec.cpgrun.key", "u32", "43")))
    line(it, "^modify\tspec.cpgrun.key\t43$")
    assert.equal(0, (program.run(machine.find "corosync-cmapctl", "-d", "spec.cpgrun.key")))
    line(it, "^delete\tspec.cpgrun.key\tnil$")
  end)

  it("logs errors of trackers and of handlers of quorum and views, and goes on", function()
    local it = cpgrun("troubles", [[
      function quorum_change() error "in quorum_change" end
      function view_change(view)
        error("in view_change " .. #view.members)
      end
      cmap:track("spec.cpgrun.", function(kind) error("in the tracker " .. kind) end)
      function started() print "up" end]])
    line(it, "^up$")
    complaint(it, "^%S+ error: [^\n]*troubles.lua:1: in quorum_change$")
    complaint(it, "^%S+ error: [^\n]*troubles.lua:3: in view_change 1$")
    assert.equal(0, (program.run(machine.find "corosync-cmapctl", "-s", "spec.cpgrun.trouble", "u32", "1")))
    complaint(it, "^%S+ error: [^\n]*troubles.lua:5: in the tracker add$")
    assert.equal(0, (program.run(machine.find "corosync-cmapctl", "-d", "spec.cpgrun.trouble")))
    complaint(it, "^%S+ error: [^\n]*troubles.lua:5: in the tracker delete$")
    cpgrun("troubles", NOTHING)
    complaint(it, "^%S+ error: [^\n]*troubles.lua:3: in view_change 2$")
    complaint(it, "^stack traceback:$")
    assert.is_false(it.exited)
  end)

  it("goes on with what was fetched when an error is not a handler's, as of memory", function()
    local it = cpgrun("memory", NOTHING .. [[
      local corosync, uv = require "corosync", require "luv"
      local handle = assert(corosync.cpg.open { message_received = function(_, message) print("heard", message) end })
      assert(handle:join "spec-memory")
      local fails, object = false, {}
      function object.fd() return handle:fd() end
      function object.dispatch(_, budget)
        if fails then
          fails = false
          assert(handle:fetch(1))
          error("not enough memory", 0)
        end
        return handle:dispatch(budget)
      end
      function config_change(members)
        if #members > 0 then assert(corosync.loop.add(object)) end
      end
      function started()
        uv.new_timer():start(100, 0, function()
          fails = true
          assert(handle:send "it")
        end)
      end]])
    complaint(it, "^%S+ error: not enough memory$")
    line(it, "^heard\tit$")
    assert.is_false(it.exited)
  end)

  describe("its end", function()
    local TELL = NOTHING .. "function started() print 'up' end\nfunction stopping() print(group:is_active()) end\n"

    -- Another member, which sees how cpgrun leaves.
    local function watcher()
      local it = program.start("cpgrun", "--group", "ending", file("watcher.lua", [[
        function config_change(_, left)
          for _, address in ipairs(left) do print("left", address.pid, address.reason) end
        end
        function started() print "up" end]]))
      line(it, "^up$")
      return it
    end

    for _, signal in ipairs { "sighup", "sigint", "sigterm" } do
      it("comes by " .. signal .. " in an orderly way", function()
        local other, it = watcher(), cpgrun("ending", TELL)
        line(it, "^up$")
        it:kill(signal)
        assert.same({ 0, 0 }, { it:wait(10) })
        assert.equal("true", it.lines[2])
        assert.equal("leave", line(other, "^left\t%d+\t(.*)$"))
      end)
    end

    it("comes in an orderly way by several SIGHUPs, and by one after SIGTERM", function()
      for _, first in ipairs { "sighup", "sigterm" } do
        local it = cpgrun("ending", NOTHING .. "function started() print 'up' end\n" .. [[
          function stopping()
            print "stopping"
            io.read()
          end]])
        line(it, "^up$")
        it:kill(first)
        line(it, "^stopping$")
        it:kill "sighup"
        it:write "\n"
        assert.same({ 0, 0 }, { it:wait(10) })
      end
    end)

    it("does not come by SIGHUP where that is ignored, as by nohup", function()
      local it = program.start("sh", "-c", "trap '' HUP; exec cpgrun " .. file("nohup.lua", TELL))
      line(it, "^up$")
      it:kill "sighup"
      it:kill "sigterm"
      assert.same({ 0, 0 }, { it:wait(10) })
      complaint(it, "info: stopping on SIGTERM$")
    end)

    it("comes in an orderly way by SIGINT when nobody reads any more what stopping writes", function()
      local path = file("gone.lua", NOTHING .. [[
        function started() print(("%d"):format(group:address().pid)) end
        function stopping() repeat until not require("luv").fs_write(1, "still here\n", -1) end]])
      local _, _, errors = program.run("sh", "-c",
        ("{ cpgrun %s; echo status $? >&2; } | { read pid; kill -INT $pid; }"):format(path))
      assert.matches("info: stopping on SIGINT\nstatus 0$", errors)
    end)

    it("comes by loop.stop in a handler, in the same way", function()
      local other = watcher()
      local code, out = run("ending", TELL .. [[
        function message_received() require("corosync").loop.stop() end
        function started() assert(group:send_message "x") end]])
      assert.equal(0, code)
      assert.equal("true", out)
      assert.equal("leave", line(other, "^left\t%d+\t(.*)$"))
    end)

    it("comes when the script leaves its group, although the map and quorum are there", function()
      local code, out = run("leaving", [[
        cmap:track("", function() end)
        function quorum_change() end
        function view_change() assert(group:deactivate()) end
        function stopping() print("bye", group:is_active()) end]])
      assert.equal(0, code)
      assert.equal("bye\tfalse", out)
    end)

    it("comes by loop.stop in handlers of views, of quorum and of a tracker", function()
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
        local code, out = run(name, text .. "\nfunction stopping() print 'bye' end")
        assert.same({ 0, "bye" }, { code, out })
      end
    end)

    it("comes by loop.stop in the first config_change", function()
      local code, out = run("first", [[
        function config_change() require("corosync").loop.stop() end
        function stopping() print "bye" end]])
      assert.equal(0, code)
      assert.equal("bye", out)
    end)

    it("does not crash on handles left open or closing", function()
      local code = run("handles", NOTHING .. [[
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

  it("goes on when a peer hangs up", function()
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
    assert.same({ 0, 0 }, { it:wait(10) })
    assert.matches("^E%u+$", it.lines[1])
  end)

  it("ends with 1 when what it writes has no place, on a full disk", function()
    for _, words in ipairs { "--version", "--help", "--check examples/demo/member.lua" } do
      local code, out, errors = program.run("sh", "-c", "cpgrun " .. words .. " >/dev/full")
      assert.same({ 1, "" }, { code, out })
      assert.equal("cpgrun: not all could be written to standard output: is the disk full?", errors)
    end
  end)

  it("stops in an orderly way when nobody reads what it writes any more", function()
    local path = file("ticks.lua", NOTHING .. [[
      require("luv").new_timer():start(10, 10, function() print "tick" end)
      function stopping() io.stderr:write "in order\n" end]])
    local code, out, errors = program.run("sh", "-c", ("{ cpgrun %s; echo $? >&2; } | head -n 2"):format(path))
    assert.same({ 0, "tick\ntick" }, { code, out })
    assert.matches("info: stopping on SIGTERM\nin order\n0$", errors)
  end)

  it("check keeps its histories in TMPDIR, and says so when it cannot", function()
    local code, _, errors = program.run("env", "TMPDIR=/nonexistent", "cpgrun", "check", "examples/chat.lua")
    assert.equal(2, code)
    assert.matches("error: cannot make a folder for the histories in /nonexistent: ENOENT: no such file or directory; "
      .. "set TMPDIR to a folder that can be written$", errors)
  end)

  for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
    it("runs without standard descriptors: " .. closed, function()
      local path, told = file("closed.lua", NOTHING .. [[
        local told = io.open(arg[1], "w")
        function started() told:write "started" told:close() require("corosync").loop.stop() end]]), file "told"
      assert.equal(0, (program.run("sh", "-c", ("exec cpgrun %s %s %s"):format(path, told, closed))))
      local kept = assert(io.open(told))
      assert.equal("started", kept:read "*a")
      kept:close()
    end)
  end

  it("lets a script close its connections to the map and to quorum", function()
    local code, out = run("close", NOTHING .. [[
      function started()
        print(cmap:close(), quorum:close())
        require("luv").new_timer():start(10, 0, function() require("corosync").loop.stop() end)
      end]])
    assert.same({ 0, "true\ttrue" }, { code, out })
  end)

  it("ends by os.exit in a handler, also when that would close the state", function()
    local code, _, errors = run("exit", [[
      function message_received() os.exit(8, true) end
      function started() group:send_message "" end]])
    assert.equal(8, code, errors)
  end)

  it("logs errors with their tracebacks and goes on", function()
    local code, out, errors = run("errors", [[
      local uv, sent = require "luv", 0
      function config_change() error "in config_change" end
      function started()
        assert(group:send_message "x")
        error "in started"
      end
      function message_received()
        uv.new_timer():start(1, 0, function() error "in a timer" end)
        uv.new_timer():start(30, 0, function() require("corosync").loop.stop() end)
        print "received"
        error {}
      end
      function stopping() error "in stopping" end]])
    assert.equal(0, code)
    assert.equal("received", out)
    for where, number in pairs { config_change = 2, started = 5, ["a timer"] = 8, stopping = 13 } do
      assert.matches(("error: [^\n]*errors.lua:%d: in %s\nstack traceback:\n"):format(number, where), errors)
    end
    assert.matches("error: [^\n]*table[^\n]*\nstack traceback:[^:]*\n.-errors.lua:11: in", errors)
  end)

  it("logs errors in luv's threads and its thread pool, and goes on", function()
    local it = cpgrun("threads", NOTHING .. [[
      local uv = require "luv"
      function started()
        uv.new_work(function(where) error("in the " .. where) end, function() print "after" end):queue "pool"
        thread = uv.new_thread(function(where) error("in the " .. where) end, "thread")
        object = uv.new_thread(function() require("corosync.binding") error {} end)
      end]])
    line(it, "^after$")
    for _, pattern in ipairs { "[^\n]*in the pool", "[^\n]*in the thread", "%(error object is a table value%)" } do
      complaint(it, "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d error: " .. pattern .. "$")
    end
    it:kill "sigterm"
    assert.same({ 0, 0 }, { it:wait(10) })
  end)

  it("counts an error that comes again and again, and shows of tracebacks what is the script's", function()
    local code, _, errors = run("again", NOTHING .. [[
      local count = 0
      local function deep() error "tick" end
      function started()
        require("luv").new_timer():start(0, 1, function()
          count = count + 1
          if count == 500 then require("corosync").loop.stop() end
          deep()
        end)
      end]])
    assert.equal(0, code)
    assert.equal(1, select(2, errors:gsub("stack traceback:", "")))
    assert.matches("error: [^\n]*again.lua:3: tick\nstack traceback:\n\t[^\n]*again.lua:3: in [^\n]*\n"
      .. "\t[^\n]*again.lua:8: in [^\n]*\n%d", errors)
    local again = 0
    for times in errors:gmatch "error: same error again, (%d+) times?: [^\n]*again.lua:3: tick" do
      again = again + tonumber(times)
    end
    assert.equal(499, again)
  end)

  it("shows whole tracebacks at the level debug", function()
    local _, _, errors = run("whole", NOTHING
      .. "function started() require('corosync').loop.stop() error 'x' end", "--log-level", "debug")
    assert.matches("cpgrun/host.lua:%d+: in", errors)
  end)

  describe("what it tells on stderr", function()
    local STOP = NOTHING .. "function started() require('corosync').loop.stop() error 'x' end"

    it("has time and level", function()
      local _, _, errors = run("levels", STOP)
      assert.matches("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d info: joined group 'levels' as 1:%d+\n", errors)
    end)

    it("is filtered by level", function()
      for _, level in ipairs { "error", "warning" } do
        local _, _, errors = run("levels", STOP, "--log-level", level)
        assert.matches("error: ", errors)
        assert.not_matches("info: ", errors)
      end
      local _, _, errors = run("levels", STOP, "--log-level", "debug")
      assert.matches("info: ", errors)
    end)
  end)

  it("goes on when its daemon is killed, and joins again when it is back, with all its connections", function()
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
    complaint(it, " warning: .*has gone.*; trying to come back$")
    local before = #it.lines
    assert(cluster:restart(1))
    complaint(it, " info: joined group 'orphan' again$")
    assert(cluster:wait_for(function()
      local seen = table.concat(it.lines, "\n", before + 1)
      return seen:find "config\t1\t0\t1" and seen:find "quorate\ttrue"
    end, 10))
    -- The map's connection comes back by itself, and perhaps after the group's.
    assert(cluster:wait_for(function()
      assert(it:write "\n")
      return table.concat(it.lines, "\n"):find "sent\ttrue\ttrue\ttrue"
    end, 10))
    line(it, "^message\tback$")
    line(it, "^add\tspec.back\t1$")
    assert(it:kill "sigterm")
    assert.same({ 0, 0 }, { it:wait(10) })
    line(it, "^bye$")
  end)

  it("says again and again that it is not back", function()
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
    end, 10))
    assert(cluster:restart(1))
    complaint(it, " info: joined group 'away' again$")
    assert(it:kill "sigterm")
    assert.same({ 0, 0 }, { it:wait(10) })
  end)

  -- No group is told anything from the death of a member until the token is missed.
  describe("while the ring is broken", function()
    local cluster

    before_each(function() cluster = assert(lab.start { nodes = 2, token = 3000 }) end)
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
      assert.same({ 0, 0 }, { it:wait(10) })
    end

    it("says that it is not joined, and joins when it is whole", function()
      local it = join_broken_ring("patient", 1.0005)
      complaint(it, " warning: group 'patient' is not joined after 1 s, and waits on: ")
      ends_well(it)
    end)

    it("greets its script also when that has left meanwhile, and joins again", function()
      local it = join_broken_ring("again", 10, [[
        print("left", group:deactivate(), group:activate())]])
      line(it, "^left\ttrue\ttrue$")
      ends_well(it)
    end)

    it("has left its group, as it was asked to, when its daemon goes meanwhile", function()
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
      assert.same({ 0, 0 }, { it:wait(10) })
      line(it, "^disconnected\tfalse$")
      complaint(it, " warning: .*has gone")
    end)

    it("ends with 0 when its group stays out by the script's will", function()
      local it = assert(cluster:run(1, { "cpgrun", file("free.lua", NOTHING
        .. 'function quorum_change() print "up" end\n'
        .. "function disconnected() assert(group:deactivate()) end") }))
      line(it, "^up$")
      complaint(it, " info: joined")
      assert(cluster:kill(1))
      assert.same({ 0, 0 }, { it:wait(10) })
      complaint(it, " warning: .*has gone")
    end)

    it("joins in the end though its daemon goes before, whatever it waits at most", function()
      local it = join_broken_ring("unlucky", "math.huge")
      assert(cluster:kill(1))
      complaint(it, "; trying to come back$")
      assert(cluster:restart(1))
      ends_well(it)
    end)
  end)

  it("talks to a plain C program byte for byte", function()
    local member = file "member"
    assert.equal(0, (program.run(machine.find "cc", "-o", member, "spec/support/cpgrun/member.c", "-lcpg")))
    local c = program.start(member, "bytes")
    line(c, "^members 1$")
    local it = cpgrun("bytes", [[
      local function hex(text) return (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)) end
      function config_change() end
      function message_received(address, message)
        print("received", #message, hex(message))
        if address ~= group:address() then assert(group:send_message(message .. "\0\255")) end
      end
      function started() print "up" assert(group:send_message "") end]])
    line(it, "^up$")
    line(c, "^message 1 $")
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = ("%02x"):format(byte)
    end
    all = table.concat(all)
    for _, message in ipairs { "00", "000a00", all, "" } do
      c:write(message .. "\n")
      line(it, ("^received\t%d\t%s$"):format(#message / 2, message))
      line(c, ("^message 1 %s$"):format(message .. "00ff"))
    end
  end)
end)
