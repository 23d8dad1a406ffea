-- cpgrun --lab, on clusters of its own.
local ordinary = require "spec.support.ordinary"
local proc = require "corosync.lab.proc"
local program = require "spec.support.cpgrun.program"
local wait = require "corosync.lab.wait"

local unpack = table.unpack or unpack -- luacheck: globals unpack
local file, line, complaint = program.file, program.line, program.complaint

local ECHO = [[
function config_change(members) print("members", #members) end
function message_received(address, message) print("from " .. address.node, message) end
function started()
  local uv = require "luv"
  local input = uv.new_pipe(false)
  input:open(0)
  input:read_start(function(_, data)
    for text in (data or ""):gmatch "[^\n]+" do assert(group:send_message(text)) end
  end)
  print "up"
end
]]

local NOTHING_BUT_UP = "function config_change() end function started() print 'up' end"

local function lab(nodes, text, ...)
  return program.start("cpgrun", "--lab", tostring(nodes), "--group", "lab", file("lab.lua", text), ...)
end

local function up(it, nodes)
  for node = 1, nodes do
    line(it, ("^%d| up$"):format(node), 20)
    line(it, ("^%d| members\t%d$"):format(node, nodes), 20)
  end
end

local function ended(it, code, seconds)
  local status, signal = assert(it:wait(seconds or 15))
  assert.same({ code, 0 }, { status, signal }, table.concat(it.errors, "\n"))
end

-- The pids of all living processes below one.
local function descendants(pid, list)
  list = list or {}
  for _, child in ipairs(proc.children(pid)) do
    list[#list + 1] = child
    descendants(child, list)
  end
  return list
end

local function are_gone(pids)
  for _, pid in ipairs(pids) do
    local stat = proc.read(("/proc/%d/stat"):format(pid))
    if stat and not stat:match "%) Z" then
      return false
    end
  end
  return true
end

local function messages(it, node)
  local list = {}
  for _, text in ipairs(it.lines) do
    list[#list + 1] = text:match(("^%d|%%s+(%%d+:%%d+: .*)$"):format(node))
  end
  return list
end

local function messages_from(it, node)
  local list = {}
  for _, text in ipairs(it.lines) do
    list[#list + 1] = text:match(("^1| from %d\t(.*)$"):format(node))
  end
  return list
end

describe("cpgrun --lab", function()
  after_each(program.clean)
  teardown(program.remove)

  for _, count in ipairs { "0", "9", "x", "1.5", "0x2", "" } do
    it(("refuses '%s' nodes"):format(count), function()
      local code, _, errors = program.run("cpgrun", "--lab", count, file("lab.lua", ECHO))
      assert.not_equal(0, code)
      assert.matches(("--lab takes a whole number of nodes from 1 to 8, not '%s'"):format(count), errors, 1, true)
    end)
  end

  it("does not start for a script that is none", function()
    local it = lab(2, "x = = 1")
    ended(it, 1)
    complaint(it, "error: .*lab.lua:1: ")
    assert.equal(1, #it.errors)
  end)

  it("gives its nodes what it was given, whatever that looks like", function()
    local script = file("given.lua", [[
      function config_change() end
      function started() print(group.name, arg[1]) require("corosync").loop.stop() end]])
    local it = program.start("cpgrun", "--lab", "1", "--group=-x", "--reader-limit", "100000G", "--", script, "--lab")
    line(it, "^1| %-x\t%-%-lab$", 20)
    ended(it, 0)
  end)

  it("ends by itself when no script can run", function()
    local it = lab(2, "error 'not today'")
    ended(it, 1)
    complaint(it, "^1| .*lab.lua:1: not today")
    complaint(it, "^2| .*lab.lua:1: not today")
  end)

  it("gives each node the lines typed for it, and makes the faults typed", function()
    local it = lab(3, ECHO)
    up(it, 3)
    it:write "2: hello\nplain\n"
    for node = 1, 3 do
      line(it, ("^%d| from 2\thello$"):format(node))
      line(it, ("^%d| from 2\tplain$"):format(node))
    end
    it:write "kill(9)\npartition({1,2\n7: nobody\nagain\n"
    complaint(it, "error: bad argument 'node' to 'kill'")
    complaint(it, "error: typed:1: ")
    complaint(it, "error: there is no node 7, they are 1 to 3")
    line(it, "^3| from 2\tagain$")
    it:write "partition({1,2},{3})\n"
    line(it, "^1| members\t2$")
    line(it, "^3| members\t1$")
    it:write "heal()\ndisturb(2, 'pfifo limit 1000')\ndisturb(2)\npause(1)\nresume(1)\n"
    it:write "kill_host(2)\nrestart(2)\n2: back\n"
    line(it, "^2| from 2\tback$", 20)
    it:write "kill(3)\n"
    complaint(it, "^3| .* warning: .*; trying to come back$")
    it:write "pause(3)\n"
    complaint(it, "^%S+ error: pause: the daemon of node 3 does not run$")
    it:write "restart(3)\nkill_host(3)\n3: void\nrestart(3)\n3: returned\n"
    complaint(it, "no script runs on node 3", 20)
    line(it, "^3| from 3\treturned$", 20)
    it:write "stop()\n"
    ended(it, 0)
  end)

  it("outlives a restart of its only node, and takes a last line without its end", function()
    local it = lab(1, ECHO)
    up(it, 1)
    it:write "restart(1)\n1: again\nkill_host(1)\nrestart(1)\n1: third\n"
    line(it, "^1| from 1\tthird$", 20)
    it:write "stop()"
    it:close_stdin()
    ended(it, 0)
  end)

  it("reads its lines from a file, too, and ends by a signal all the same", function()
    local input, path = file("input", "1: from a file\n"), file("lab.lua", ECHO)
    local it = program.start("sh", "-c", "exec cpgrun --lab 1 $1 <$2", "sh", path, input)
    line(it, "^1| from 1\tfrom a file$", 20)
    it:kill "sigterm"
    ended(it, 0)
    complaint(it, "^1| .*stopping on SIGTERM")
  end)

  for what, signal in pairs { ["Ctrl-C"] = "sigint", SIGHUP = "sighup" } do
    it(("ends by %s with nothing left"):format(what), function()
      local it = lab(2, ECHO .. "function stopping() print 'bye' end")
      up(it, 2)
      local pids = descendants(it.pid)
      assert.is_true(#pids > 4)
      it:kill(signal)
      ended(it, 0)
      line(it, "^1| bye$")
      line(it, "^2| bye$")
      assert.is_true(are_gone(pids))
    end)
  end

  -- A terminal of its own, by util-linux's script.
  local function on_terminal(...)
    return program.start("env", "TERM=xterm", "script", "-qefc", table.concat({ ... }, " "), file "typescript")
  end

  for what, words in pairs {
    ["a lab"] = { "--lab", "2", "examples/chat.lua" },
    ["a lab's script"] = { "--lab", "2", "--lab-script", "examples/demo/story.lua", "examples/demo/member.lua" },
    ["a check"] = { "check", "examples/chat.lua" },
  } do
    it(("ends with nothing left when the terminal of %s is closed"):format(what), function()
      local it = on_terminal("cpgrun", unpack(words))
      line(it, ({ ["a lab"] = "| %* 2 here", ["a check"] = "s  %l+" })[what] or "s  .* nodes are up", 30)
      local pids = descendants(it.pid)
      assert.is_true(#pids > 6)
      it:kill "sigkill"
      assert.is_true(wait.until_true(function() return are_gone(pids) end, 20))
    end)

    it(("ends with nothing left when nobody reads the output of %s any more"):format(what), function()
      local it = program.start("sh", "-c", "{ cpgrun " .. table.concat(words, " ")
        .. "; echo status $? >&2; } | head -n 2")
      complaint(it, "^status %d+$", 30)
      assert.equal(0, it:wait(10))
    end)
  end

  it("has a prompt on a terminal, below what is written, and none elsewhere", function()
    local it = on_terminal("cpgrun", "--lab", "1", file("lab.lua", ECHO))
    line(it, "\r\27%[K1| up\r$", 20)
    it:write "1: hello\n"
    line(it, "\r\27%[K1| from 1\thello\r$")
    it:write "kill(7)\n"
    line(it, "\27%[K%S+ error: bad argument 'node' to 'kill'")
    it:write "stop()\n"
    ended(it, 0)
    it = lab(1, ECHO)
    up(it, 1)
    it:write "stop()\n"
    ended(it, 0)
    assert.not_matches("lab> ", table.concat(it.lines, "\n") .. table.concat(it.errors, "\n"), 1, true)
  end)

  it("runs with a standard input that cannot be read, as under nohup", function()
    local it = program.start("sh", "-c", "exec cpgrun --lab 1 " .. file("lab.lua", NOTHING_BUT_UP) .. " 0>/dev/null")
    line(it, "^1| up$", 20)
    it:kill "sigterm"
    ended(it, 0)
  end)

  it("takes a line that is nearly a command for one, unless it names its node", function()
    local it = lab(1, ECHO)
    up(it, 1)
    it:write "kil(1)\nPartition ({1})\n1: kil(1)\nhello(1)\n"
    complaint(it, "error: kil%(1%): did you mean kill%(%.%.%.%)%?.* 1: kil%(1%)$")
    complaint(it, "error: Partition %({1}%): did you mean partition%(")
    line(it, "^1| from 1\thello%(1%)$")
    line(it, "^1| from 1\tkil%(1%)$")
    assert.equal(2, #messages_from(it, 1))
    it:write "sleep('x')\nsleep(0.01)\nsleep(1e999)\n"
    complaint(it, "error: bad argument 'seconds' to 'sleep'")
    complaint(it, "info: done: sleep%(0.01%)$")
    it:kill "sigint"
    ended(it, 0)
  end)

  it("ends with 1 by a signal when a script has logged an error", function()
    local it = lab(1, "function config_change() error 'wrong' end")
    complaint(it, "^1| .*: wrong$", 20)
    it:kill "sigint"
    ended(it, 1)
  end)

  it("counts no status of a script that a fault has ended", function()
    local it = lab(1, [[
      function config_change() end
      function message_received() require("corosync").loop.stop() end
      function started()
        print "up"
        require("luv").new_pipe(false):open(0)
        io.read()
        assert(group:send_message "")
      end]])
    line(it, "^1| up$", 20)
    it:write "kill_host(1)\nrestart(1)\n1: go\n"
    ended(it, 0)
  end)

  it("leaves nothing when it is killed", function()
    local it = lab(2, ECHO)
    up(it, 2)
    local pids = descendants(it.pid)
    it:kill "sigkill"
    assert(it:wait(5))
    assert.is_true(wait.until_true(function() return are_gone(pids) end, 5))
  end)

  describe("--lab-script", function()
    local function ruled(nodes, faults, script)
      return program.start("cpgrun", "--lab", tostring(nodes), "--lab-script", file("faults.lua", faults), script)
    end

    it("sees the nodes' output and writes to them", function()
      local it = ruled(2, [[
        local function shows(node, text)
          return function()
            for _, each in ipairs(output(node)) do if each == text then return true end end
          end
        end
        for node = 1, nodes do wait_for(shows(node, "members\t2"), 20) wait_for(shows(node, "up"), 5) end
        write(1, "hi")
        wait_for(shows(2, "from 1\thi"), 5)
        partition({1}, {2})
        wait_for(shows(2, "members\t1"), 10)
        stop(3)]], file("lab.lua", ECHO))
      ended(it, 3, 40)
    end)

    it("sleeps, and events are served meanwhile", function()
      local it = ruled(1, [[
        quiet(true)
        sleep(0)
        repeat sleep(0.05) until output(1)[1] == "up"
        for _, wrong in ipairs { -1, "x", 0 / 0 } do print(select(2, pcall(sleep, wrong))) end
        stop(2)]], file("lab.lua", NOTHING_BUT_UP))
      ended(it, 2)
      assert.equal(3, #it.lines)
      for _, each in ipairs(it.lines) do
        assert.matches("^[^:]*faults.lua:4: bad argument 'seconds' to 'sleep'", each)
      end
    end)

    it("shows errors of the nodes' scripts although it is quiet, and ends with 1", function()
      local it = ruled(2, [[
        quiet(true)
        wait_for(function() return output(1)[1] and output(2)[1] end, 20)
        print "over"]], file("wrong.lua", [[
        function config_change() error "wrong" end
        function started()
          io.stderr:write "hidden\n"
          print "up"
        end]]))
      ended(it, 1)
      for node = 1, 2 do
        complaint(it, ("^%d| %%S+ error: .*wrong.lua:1: wrong$"):format(node))
        complaint(it, ("^%d| \t.*wrong.lua:1: in"):format(node))
      end
      assert.same({ "over" }, it.lines)
      assert.not_matches("hidden", table.concat(it.errors, "\n"))
      assert.not_matches("joined", table.concat(it.errors, "\n"))
    end)

    it("ends as stop says, whatever the scripts have logged", function()
      local it = ruled(1, "quiet(true) sleep(0.2) stop(0)", file("wrong.lua", "error 'wrong'"))
      ended(it, 0)
      complaint(it, "^1| %S+ error: .*wrong$")
    end)

    it("ends with the status of a script that a signal has ended, and says so", function()
      local it = ruled(1, [[
        quiet(true)
        repeat sleep(0.05) until output(1)[1] and not write(1, "")]], file("killed.lua", NOTHING_BUT_UP
        .. " require('luv').new_timer():start(300, 0, function() os.execute('kill -9 $PPID') end)"))
      ended(it, 137)
      complaint(it, "error: the script on node 1 was ended by signal 9$")
    end)

    it("ends the lab with its end", function()
      ended(ruled(1, "print 'over'", file("lab.lua", ECHO)), 0)
    end)

    for what, text in pairs {
      ["an error"] = "local x = nil + 1", ["a syntax error"] = "x = = 1",
      ["a fault that fails"] = "kill_host(1) kill_host(1)",
      ["a wait without end"] = "wait_for(function() end, 0.1)",
    } do
      it("answers 1 for " .. what, function()
        local it = ruled(1, text, file("lab.lua", ECHO))
        ended(it, 1)
        complaint(it, "error: ")
      end)
    end
  end)

  describe("the examples:", function()
    it("chat shows one order to all", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/chat.lua")
      for node = 1, 3 do
        line(it, ("^%d| %%* 3 here$"):format(node), 20)
        complaint(it, ("^%d| .*joined"):format(node))
      end
      it:write "1: hello\n2: hi there\n3: good morning\n"
      for node = 1, 3 do
        for _, text in ipairs { "hello", "hi there", "good morning" } do
          line(it, ("^%d| %%d:%%d+: %s$"):format(node, text))
        end
      end
      assert.equal(3, #messages(it, 1))
      assert.same(messages(it, 1), messages(it, 2))
      assert.same(messages(it, 1), messages(it, 3))
    end)

    it("chat reads a file, too", function()
      local it = program.start("sh", "-c", "exec cpgrun examples/chat.lua <$1", "sh", file("said", "from a file\n"))
      line(it, "^%d+:%d+: from a file$")
      it:kill "sigint"
      ended(it, 0)
    end)

    it("leader has another when the first dies", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/leader.lua")
      line(it, "^1| I lead$", 20)
      for node = 2, 3 do
        line(it, ("^%d| 1:%%d+ leads$"):format(node))
        complaint(it, ("^%d| .*joined"):format(node))
      end
      it:write "kill_host(1)\n"
      line(it, "^3| 2:%d+ leads$")
      assert.equal("2| I lead", line(it, "^2| I lead$"))
    end)

    it("leader leads no more when its Corosync dies", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/leader.lua")
      for node = 2, 3 do
        line(it, ("^%d| 1:%%d+ leads$"):format(node), 20)
        complaint(it, ("^%d| .*joined"):format(node))
      end
      it:write "kill(1)\n"
      line(it, "^1| I follow nobody$")
      line(it, "^2| I lead$")
      it:write "restart(1)\n"
      line(it, "^2| 1:%d+ leads$", 20)
      assert.equal("1| I lead", line(it, "^1| I lead$"))
    end)

    it("in_lab runs what uses the binding by itself, and makes faults", function()
      local script = file("alone.lua", [[
        io.stdout:setvbuf "line"
        local corosync = require "corosync"
        local group
        group = corosync.group("alone", {
          config_change = function(members) print("members", #members) end,
          disconnected = function()
            print "lost"
            corosync.loop.stop()
          end,
        })
        assert(corosync.loop.add(group))
        corosync.loop.run()
      ]])
      local it = program.start(os.getenv("LUA"):match "%S+$", "examples/in_lab.lua", "2", script)
      line(it, "^1| members\t2$", 20)
      line(it, "^2| members\t2$")
      it:write "kill(1) kill(2)\n"
      for node = 1, 2 do line(it, ("^%d| lost$"):format(node)) end
      assert.same({ 0, 0 }, { assert(it:wait(15)) }, table.concat(it.errors, "\n"))
    end)

    it("counter is equal after a partition", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/counter.lua")
      local from = 1
      -- The last values that a node has shown since `from`, as text; nil while they are fewer.
      local function last_values(node, count)
        local list = {}
        for i = #it.lines, from, -1 do
          list[#list + 1] = it.lines[i]:match(("^%d| the counter is (%%d+)$"):format(node))
          if #list == count then return table.concat(list, " ") end
        end
      end
      local function expect(what, predicate)
        assert(wait.until_true(predicate, 20), what .. ":\n" .. table.concat(it.lines, "\n") .. "\n"
          .. table.concat(it.errors, "\n"))
        from = #it.lines + 1
      end
      local function agree(count)
        local first = last_values(1, count)
        return first and first == last_values(2, count) and first == last_values(3, count)
      end
      expect("no agreement at first", function() return agree(6) end)
      it:write "partition({1,2},{3})\n"
      expect("the sides count on apart", function()
        local one, two, three = last_values(1, 1), last_values(2, 1), last_values(3, 1)
        return one and three and one == two and one - three >= 3
      end)
      it:write "heal()\n"
      expect("no agreement in the end", function() return agree(6) end)
      -- Their scripts begin alone, on rings of their own, and must not undo what the others have counted.
      for _, node in ipairs { 3, 2, 3 } do
        it:write(("kill_host(%d)\nrestart(%d)\n"):format(node, node))
        expect("no agreement after a restart", function() return agree(4) end)
      end
      local last = -1
      for _, each in ipairs(it.lines) do
        local value = tonumber(each:match "^1| the counter is (%d+)$" or last)
        assert.is_true(value >= last, ("node 1 shows %d after %d"):format(value, last))
        last = value
      end
    end)
  end)

  it("works for an ordinary user", function()
    local script = file("lab.lua", ECHO)
    ordinary.with_tree(function(tree)
      local argv = { unpack(ordinary.prefix) }
      for _, word in ipairs { tree .. "/bin/cpgrun", "--lab", "2", script } do
        argv[#argv + 1] = word
      end
      local it = program.start(unpack(argv))
      up(it, 2)
      it:write "1: hi\n"
      line(it, "^2| from 1\thi$")
      it:kill "sigint"
      ended(it, 0)
    end)
  end)
end)
