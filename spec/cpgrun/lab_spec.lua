local ordinary = require "spec.helpers.ordinary_user"
local procfs = require "corosync.lab.procfs"
local program = require "spec.helpers.program"
local wait = require "corosync.lab.wait"

local ECHO, NOTHING_BUT_UP, ended = program.ECHO, program.NOTHING_BUT_UP, program.ended

local unpack = table.unpack or unpack -- luacheck: globals unpack
local file, line, complaint = program.file, program.line, program.complaint

local function lab(nodes, text, ...)
  return program.start("cpgrun", "--lab", tostring(nodes), "--group", "lab", file("lab.lua", text), ...)
end

local function up(it, nodes)
  for node = 1, nodes do
    line(it, ("^%d| up$"):format(node))
    line(it, ("^%d| members\t%d$"):format(node, nodes))
  end
end

-- The pids of all living processes below one.
local function descendants(pid, list)
  list = list or {}
  for _, child in ipairs(procfs.children(pid)) do
    list[#list + 1] = child
    descendants(child, list)
  end
  return list
end

local function are_gone(pids)
  for _, pid in ipairs(pids) do
    local stat = procfs.read(("/proc/%d/stat"):format(pid))
    if stat and not stat:match "%) Z" then
      return false
    end
  end
  return true
end

local function messages_from(it, node)
  local list = {}
  for _, text in ipairs(it.lines) do
    list[#list + 1] = text:match(("^1| from %d\t(.*)$"):format(node))
  end
  return list
end

describe("cpgrun --lab #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  for _, count in ipairs { "0", "9", "x", "1.5", "0x2", "" } do
    it(("rejects '%s' nodes"):format(count), function()
      local code, _, errors = program.run("cpgrun", "--lab", count, file("lab.lua", ECHO))
      assert.not_equal(0, code)
      assert.matches(("--lab takes a whole number of nodes from 1 to 8, not '%s'"):format(count), errors, 1, true)
    end)
  end

  it("does not start for a file that is not a script", function()
    local it = lab(2, "x = = 1")
    ended(it, 1)
    complaint(it, "error: .*lab.lua:1: ")
    assert.equal(1, #it.errors)
  end)

  it("passes arguments to its nodes unchanged", function()
    local script = file("given.lua", [[
      function config_change() end
      function started() print(group.name, arg[1]) require("corosync").loop.stop() end]])
    local it = program.start("cpgrun", "--lab", "1", "--group=-x", "--reader-limit", "100000G", "--", script, "--lab")
    line(it, "^1| %-x\t%-%-lab$")
    ended(it, 0)
  end)

  it("ends when no script can run", function()
    local it = lab(2, "error 'not today'")
    ended(it, 1)
    complaint(it, "^1| .*lab.lua:1: not today")
    complaint(it, "^2| .*lab.lua:1: not today")
  end)

  it("passes typed lines to their nodes and runs typed faults", function()
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
    complaint(it, "error: there is no node 7: the nodes are 1 to 3")
    line(it, "^3| from 2\tagain$")
    it:write "partition({1,2},{3})\n"
    line(it, "^1| members\t2$")
    line(it, "^3| members\t1$")
    it:write "heal()\ndisturb(2, 'pfifo limit 1000')\ndisturb(2)\npause(1)\nresume(1)\n"
    it:write "kill_host(2)\nrestart(2)\n2: back\n"
    line(it, "^2| from 2\tback$")
    it:write "kill(3)\n"
    complaint(it, "^3| .* warning: .*; reconnecting$")
    it:write "pause(3)\n"
    complaint(it, "^%S+ error: pause: the daemon of node 3 is not running$")
    it:write "restart(3)\nkill_host(3)\n3: void\nrestart(3)\n3: returned\n"
    complaint(it, "no script runs on node 3")
    line(it, "^3| from 3\treturned$")
    it:write "stop()\n"
    ended(it, 0)
  end)

  it("continues after a restart of its only node, and accepts a last line without newline", function()
    local it = lab(1, ECHO)
    up(it, 1)
    it:write "restart(1)\n"
    complaint(it, "^1| .* info: rejoined group 'lab'$")
    it:write "1: again\nkill_host(1)\nrestart(1)\n1: third\n"
    line(it, "^1| from 1\tthird$")
    it:write "stop()"
    it:close_stdin()
    ended(it, 0)
  end)

  it("reads its lines from a file and still ends on a signal", function()
    local input, path = file("input", "1: from a file\n"), file("lab.lua", ECHO)
    local it = program.start("sh", "-c", "exec cpgrun --lab 1 $1 <$2", "sh", path, input)
    line(it, "^1| from 1\tfrom a file$")
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

  -- A check that is ended keeps its histories.
  local function command(words)
    return ("TMPDIR=%s cpgrun %s"):format(file "", table.concat(words, " "))
  end

  for what, words in pairs {
    ["a lab"] = { "--lab", "2", "examples/chat.lua" },
    ["a lab's script"] = { "--lab", "2", "--lab-script", "examples/demo/story.lua", "examples/demo/member.lua" },
    ["a check"] = { "check", "examples/chat.lua" },
  } do
    it(("ends with nothing left when the terminal of %s is closed"):format(what), function()
      local it = on_terminal(command(words))
      line(it, ({ ["a lab"] = "| %* 2 here", ["a check"] = "s  %l+" })[what] or "s  .* nodes are up")
      local pids = descendants(it.pid)
      assert.is_true(#pids > 6)
      it:kill "sigkill"
      assert.is_true(wait.until_true(function() return are_gone(pids) end, 60))
    end)

    it(("ends with nothing left when the reader of %s's output has gone"):format(what), function()
      -- The input is for the chat, whose first lines may all be written before the reader has gone.
      local it = program.start("sh", "-c", "while sleep 0.2; do echo 1: hello; done | { " .. command(words)
        .. "; echo status $? >&2; } | head -n 2")
      complaint(it, "^status %d+$")
      assert.equal(0, it:wait(60))
    end)
  end

  it("shows a prompt below the output, on a terminal only", function()
    local it = on_terminal("cpgrun", "--lab", "1", file("lab.lua", ECHO))
    line(it, "\r\27%[K1| up\r$")
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

  it("runs with an unreadable standard input, as under nohup", function()
    local it = program.start("sh", "-c", "exec cpgrun --lab 1 " .. file("lab.lua", NOTHING_BUT_UP) .. " 0>/dev/null")
    line(it, "^1| up$")
    it:kill "sigterm"
    ended(it, 0)
  end)

  it("treats a misspelt command as a command unless the line names a node", function()
    local it = lab(1, ECHO)
    up(it, 1)
    it:write "kil(1)\nPartition ({1})\n1: kil(1)\nhello(1)\n"
    complaint(it, "error: kil%(1%): did you mean kill%(%.%.%.%)%?.* 1: kil%(1%)$")
    complaint(it, "error: Partition %({1}%): did you mean partition%(")
    line(it, "^1| from 1\thello%(1%)$")
    line(it, "^1| from 1\tkil%(1%)$")
    it:write "heal\nstop\n?\nquit\nexit()\nkill 1\nkill-host\nkill-host 1\nkill-host(1)\n"
    complaint(it, "error: heal: did you mean heal%(%)%?")
    complaint(it, "error: stop: did you mean stop%(%)%?")
    complaint(it, "error: %?: did you mean help%?")
    complaint(it, "error: quit: did you mean stop%(%)%?")
    complaint(it, "error: exit%(%): did you mean stop%(%)%?")
    complaint(it, "error: kill 1: did you mean kill%(1%)%?")
    complaint(it, "error: kill%-host: did you mean kill_host%(%.%.%.%)%?")
    complaint(it, "error: kill%-host 1: did you mean kill_host%(1%)%?")
    complaint(it, "error: kill%-host%(1%): did you mean kill_host%(%.%.%.%)%?")
    assert.equal(2, #messages_from(it, 1))
    it:write "sleep('x')\nsleep(0.01)\nsleep(1e999)\n"
    complaint(it, "error: bad argument 'seconds' to 'sleep'")
    complaint(it, "info: done: sleep%(0.01%)$")
    it:kill "sigint"
    ended(it, 0)
  end)

  it("exits with 1 on a signal when a script has logged an error", function()
    local it = lab(1, "function config_change() error 'wrong' end")
    complaint(it, "^1| .*: wrong$")
    it:kill "sigint"
    ended(it, 1)
  end)

  it("ignores the status of a script that a fault ended", function()
    local it = lab(1, [[
      function config_change() end
      function message_received() require("corosync").loop.stop() end
      function started()
        print "up"
        require("luv").new_pipe(false):open(0)
        io.read()
        assert(group:send_message "")
      end]])
    line(it, "^1| up$")
    it:write "kill_host(1)\nrestart(1)\n1: go\n"
    ended(it, 0)
  end)

  it("leaves nothing when it is killed", function()
    local it = lab(2, ECHO)
    up(it, 2)
    local pids = descendants(it.pid)
    it:kill "sigkill"
    assert(it:wait(60))
    assert.is_true(wait.until_true(function() return are_gone(pids) end, 60))
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
