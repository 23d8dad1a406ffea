-- Scripts for cpgrun that make replicas.
local program = require "spec.helpers.program"
local uv = require "luv"

local complaint, cpgrun, line = program.complaint, program.cpgrun, program.line

local PLAIN = [[
  local app = assert(require "corosync.replica"(NAME, { timeout = 60, ready = function() print "ready" end }))
  local counter = app:machine("counter", {
    initial = function() return { n = 0 } end,
    apply = function(state, by) state.n = state.n + tonumber(by) return state.n end,
  })
]]

-- With a state that is too large to be copied at once.
local LARGE = [[
  local app = assert(require "corosync.replica"(NAME, { timeout = 60, ready = function() print "ready" end }))
  local function large_state()
    local state = { count = 0 }
    for i = 1, 50000 do state[i] = i end
    return state
  end
]]

local function script(text)
  return ("local NAME = 'spec-%.0f' "):format(uv.hrtime()) .. text
end

describe("a script of cpgrun with a replica", function()
  after_each(program.clean)
  teardown(program.remove)

  it("runs without handlers, and leaves at a signal", function()
    local it = cpgrun("plain", script(PLAIN .. [[
      counter:submit("2", function(...) print("result", ...) end)]]))
    line(it, "^ready$")
    line(it, "^result\t2$")
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("may submit while it loads, in started, in coroutines, and in stopping", function()
    local it = cpgrun("phases", script(PLAIN .. [[
      print("loading", counter:submit "1")
      function started()
        print("started", counter:submit "1")
        coroutine.wrap(function()
          print("coroutine", counter:submit "1")
          require("corosync").loop.stop()
        end)()
      end
      function stopping() print("stopping", counter:submit "1") end]]))
    program.ended(it, 0)
    line(it, "^loading\t1$")
    line(it, "^started\t2$")
    line(it, "^coroutine\t3$")
    line(it, "^stopping\t4$")
  end)

  it("is accepted by --check, which applies nothing", function()
    local code, out = program.run_script("checked", script(PLAIN .. [[
      print("loading", counter:submit "1", app:barrier())]]), "--check")
    assert.equal(0, code)
    assert.matches("loading\ttrue\ttrue\n.*checked.lua would run in group 'checked'$", out)
  end)

  it("needs a handler if it makes no replica", function()
    local code, _, errors = program.run_script("without", "require 'corosync.replica'")
    assert.equal(1, code)
    assert.matches("defines no handler: .*or make a replica", errors)
  end)

  it("gets errors of its functions logged", function()
    local it = cpgrun("raises", script(PLAIN .. [[
      local other = app:machine("other", { apply = function() end, changed = function() error "not today" end })
      other:submit("x", function() error "nor tomorrow" end)]]))
    complaint(it, "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d error: .*replica': .*raises.lua:%d+: not today$")
    complaint(it, "error: .*replica': .*raises.lua:%d+: nor tomorrow$")
    it:kill "sigterm"
    program.ended(it, 0)
    assert.not_matches("corosync/replica/", table.concat(it.errors, "\n"))
  end)
end)

describe("cpgrun --handler-timeout with a replica", function()
  after_each(program.clean)
  teardown(program.remove)

  local STOPPED = "stopped because it has run for more than 1.5 s"

  local function limited(name, text)
    return cpgrun(name, script(text), "--handler-timeout", "1.5")
  end

  it("stops an apply: its submitter gets the error, and cannot know whether other members stopped it", function()
    local it = limited("apply", PLAIN .. [[
      local endless = app:machine("endless", { apply = function(state, command)
        state.n = command
        while command == "for ever" do end
        return command
      end })
      function started()
        endless:submit("first", print)
        endless:submit("for ever", function(...) print("result", ...) end)
        endless:submit("last", function(result) print(result, endless.state.n) end)
      end]])
    local message = line(it, "^result\tnil\t(.*)\tuncertain$")
    assert.matches("apply.lua:%d+: " .. STOPPED, message)
    line(it, "^last\tlast$")
  end)

  it("does not count the time in which plain code waits, but that of functions called meanwhile", function()
    local it = limited("waits", [[
      local app = assert(require "corosync.replica"(NAME, { timeout = 3, observer = true })) -- nobody has the state
      local counter = app:machine("counter", { apply = print })
      counter:submit("x", function() while true do end end) -- while the next call waits
      print("loading", select(3, counter:submit "x"))
      require("luv").new_timer():start(0, 0, function() print("timer", select(3, counter:submit "x")) end)
    ]])
    line(it, "^loading\tnot_ready$")
    line(it, "^timer\tnot_ready$")
    local text = table.concat(it.errors, "\n")
    assert.equal(1, select(2, text:gsub(STOPPED, "")), text)
  end)

  it("stops the function that makes the first state of a new machine", function()
    local it = limited("initial", PLAIN .. [[
      function started()
        app:machine("endless", { apply = print, initial = function() while true do end end })
      end]])
    complaint(it, STOPPED)
  end)

  it("does not stop an apply that has succeeded and is repeated to undo another one", function()
    local it = limited("repeated", PLAIN .. [[
      local calls = 0
      local list = app:machine("list", { apply = function(state, command)
        state[#state + 1] = command
        calls = calls + 1
        local began = os.clock()
        while calls > 2 and command == "slow" and os.clock() - began < 2 do end
        if command == "bad" then error("not today", 0) end
        return table.concat(state, " ")
      end })
      function started()
        list:submit("slow", print)
        list:submit("bad", print)
        list:submit("last", print)
      end]])
    line(it, "^slow$")
    line(it, "^nil\tnot today\traised$")
    line(it, "^slow last$")
    assert.not_matches("error", table.concat(it.errors, "\n"))
  end)

  it("does not stop an apply that a member repeats to get the state", function()
    local path = program.file("learner.lua", script(LARGE .. [[
      local large = app:machine("large", { initial = large_state, apply = function(state, command)
        local began = os.clock()
        while arg[1] == "learner" and os.clock() - began < 2 do end
        state.count = state.count + 1
        return state.count
      end, restored = function(state)
        print("restored", state.count)
      end })
      if arg[1] == "donor" then
        large:submit("a", print)
      end
    ]]))
    line(program.start("cpgrun", "--handler-timeout", "1.5", "--group", "donor", path, "donor"), "^1$")
    local learner = program.start("cpgrun", "--handler-timeout", "1.5", "--group", "learner", path, "learner")
    line(learner, "^restored\t1$")
    line(learner, "^ready$")
    assert.not_matches("error", table.concat(learner.errors, "\n"))
  end)

  it("does not stop an apply that is repeated for the base of a large state", function()
    local it = limited("follows", LARGE .. [[
      local seen = {}
      local large = app:machine("large", { initial = large_state, apply = function(state, command)
        local name, began = command:sub(1, 1), os.clock()
        while seen[name] and os.clock() - began < 2 do end
        seen[name] = name == "1"
        state.count = state.count + 1
        return state.count
      end })
      function started()
        for i = 1, 6 do
          large:submit(i .. ("x"):rep(1000000), print)
        end
      end]])
    line(it, "^6$")
    assert.not_matches("error", table.concat(it.errors, "\n"))
  end)

  it("does not stop the reload of a large state, whose commands take longer together than each may", function()
    local text = script(LARGE .. [[
      local uv = require "luv"
      local is_reloaded = uv.os_getenv "RELOADED"
      uv.os_setenv("RELOADED", "yes")
      local large = app:machine("large", { initial = large_state, apply = function(state, command)
        local began = uv.hrtime()
        while is_reloaded and command == "first" and uv.hrtime() - began < 0.8e9 do end
        state.count = state.count + 1
        return state.count
      end })
      app:barrier(function()
        for _ = 1, is_reloaded and 1 or 3 do large:submit(is_reloaded and "second" or "first", print) end
      end)
    ]])
    local it = cpgrun("reloads", text, "--handler-timeout", "2")
    line(it, "^3$")
    it:kill "sighup"
    line(it, "^4$")
    assert.not_matches("error", table.concat(it.errors, "\n"))
  end)

  it("stops changed and callbacks, and goes on", function()
    local it = limited("callbacks", PLAIN .. [[
      local list = app:machine("list", { apply = function(_, command) return command end, changed = function(_, command)
        while command == "changed" do end
      end })
      function started()
        list:submit("changed", print)
        list:submit("callback", function() while true do end end)
        list:submit("last", print)
      end]])
    line(it, "^last$")
    local text = table.concat(it.errors, "\n")
    assert.equal(2, select(2, text:gsub(STOPPED, "")), text)
  end)

  it("lets a member whose apply was stopped alone take the state of the others", function()
    local TEXT = script [[
      local app = assert(require "corosync.replica"(NAME, { timeout = 60, ready = function() print "ready" end }))
      local is_slow, resets = arg[1] == "slow", 0
      local list = app:machine("list", { initial = function()
        local began = os.clock()
        resets = resets + 1
        while resets > 1 and arg[1] == "slow" and os.clock() - began < 2 do end
        return {}
      end, apply = function(state, command)
        if is_slow and command == "b" then
          is_slow = false
          while true do end
        end
        state[#state + 1] = command
        return #state
      end, restored = function(state)
        print("restored", table.concat(state, " "))
      end })
      if arg[1] == "writer" then
        list:submit("a", print)
        local is_sent = false
        require("luv").new_timer():start(10, 10, function()
          if #select(4, app:status()) == 3 and not is_sent then
            is_sent = true
            list:submit("b", function(...) print("result", ...) end)
          end
        end)
      end
    ]]
    local path = program.file("alone.lua", TEXT)
    local function member(role)
      local it = program.start("cpgrun", "--handler-timeout", "1.5", "--group", role, path, role)
      line(it, "^ready$")
      return it
    end
    local writer = member "writer"
    member "other"
    local slow = member "slow"
    line(writer, "^result\t2$")
    complaint(slow, "diverged: the state of machine 'list' .* differs from that of")
    line(slow, "^restored\ta b$")
  end)
end)

describe("cpgrun --storage", function()
  after_each(program.clean)
  teardown(program.remove)

  local COUNTER = PLAIN .. [[
    counter:submit("2", function(...)
      print("result", ...)
      require("corosync").loop.stop()
    end)]]

  it("keeps the state of the script's replicas in files of the folder", function()
    local text = script(COUNTER):gsub("spec%-", "a/b-")
    local folder = program.file("x"):match "^(.*)/"
    for count = 1, 2 do
      local it = cpgrun("stored", text, "--storage", folder)
      line(it, ("^result\t%d"):format(2 * count))
      program.ended(it, 0)
    end
    local name = text:match "NAME = 'a/b%-(%d+)'"
    assert.truthy(uv.fs_stat(("%s/a%%2Fb-%s.db"):format(folder, name)))
  end)

  it("leaves a replica alone that names its file or observes", function()
    local folder = program.file "named"
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    local it = cpgrun("named", script [[
      local replica = require "corosync.replica"
      print("missing", replica(NAME, { storage = "/nowhere/x.db" }))
      assert(replica(NAME, { observer = true }))
      os.exit(0)]], "--storage", folder)
    line(it, "^missing\tnil\t.*/nowhere/x.db.*\tno_folder$")
    program.ended(it, 0)
    assert.is_nil(uv.fs_scandir_next(assert(uv.fs_scandir(folder))))
  end)

  it("must be a folder that exists", function()
    local it = cpgrun("without", script(COUNTER), "--storage", "/nowhere")
    complaint(it, "storage '/nowhere/spec%-%d+.db': its folder does not exist")
    program.ended(it, 1)
  end)

  it("must be a folder that exists: else a lab reports that once, and starts nothing", function()
    local code, out, errors = program.run_script("in_no_lab", script(COUNTER), "--lab", "2", "--storage", "/nowhere")
    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("^%S+ error: %-%-storage /nowhere: there is no such folder: create it first$", errors)
  end)

  it("makes no file with --check", function()
    local folder = program.file("checked", nil)
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    local code = program.run_script("dry", script(PLAIN), "--check", "--storage", folder)
    assert.equal(0, code)
    assert.is_nil(uv.fs_scandir_next(assert(uv.fs_scandir(folder))))
  end)

  it("has a folder for each node of a lab", function()
    local folder = program.file "lab"
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    local it = cpgrun("in_lab", script(COUNTER), "--lab", "2", "--storage", folder)
    line(it, "^%d| result\t[24]")
    program.ended(it, 0)
    for node = 1, 2 do
      assert.truthy(uv.fs_scandir_next(assert(uv.fs_scandir(("%s/node%d"):format(folder, node)))))
    end
  end)
end)
