local program = require "spec.helpers.program"

local ECHO, NOTHING_BUT_UP, ended = program.ECHO, program.NOTHING_BUT_UP, program.ended

local file, complaint = program.file, program.complaint

describe("cpgrun #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("--lab-script", function()
    -- Labs use text, whatever a configuration says.
    local function ruled(nodes, faults, script)
      return program.start("cpgrun", "--log-format=json", "--lab", tostring(nodes), "--lab-script",
        file("faults.lua", faults), script)
    end

    it("reads the nodes' output and writes to their input", function()
      local it = ruled(2, [[
        local function shows(node, text)
          return function()
            for _, each in ipairs(output(node)) do if each == text then return true end end
          end
        end
        for node = 1, nodes do wait_for(shows(node, "members\t2"), 60) wait_for(shows(node, "up"), 60) end
        write(1, "hi")
        wait_for(shows(2, "from 1\thi"), 60)
        partition({1}, {2})
        wait_for(shows(2, "members\t1"), 60)
        stop(3)]], file("lab.lua", ECHO))
      ended(it, 3, 120)
    end)

    it("handles events during sleep", function()
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

    it("shows errors of the nodes' scripts although quiet, and exits with 1", function()
      local it = ruled(2, [[
        quiet(true)
        wait_for(function() return output(1)[1] and output(2)[1] end, 60)
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

    it("exits as stop says, whatever the scripts logged", function()
      local it = ruled(1, [[
        quiet(true)
        repeat sleep(0.05) until output(1)[1] and not write(1, "")
        stop(0)]], file("wrong.lua", "print 'up' error 'wrong'"))
      ended(it, 0)
      complaint(it, "^1| %S+ error: .*wrong$")
    end)

    it("exits with the status of a script that was killed by a signal, and reports it", function()
      local it = ruled(1, [[
        quiet(true)
        repeat sleep(0.05) until output(1)[1] and not write(1, "")]], file("killed.lua",
        "function config_change() end function started() print 'up' os.execute 'kill -9 $PPID' end"))
      ended(it, 137)
      complaint(it, "error: the script on node 1 was killed by signal 9$")
    end)

    for where, text in pairs {
      ["a callback of luv"] = "require('luv').new_timer():start(1, 0, function() error 'late' end) sleep(0.5)",
      ["a coroutine"] = "coroutine.wrap(function() sleep(0.1) error 'late' end)() sleep(0.5)",
    } do
      it("exits with 1 for an error in " .. where, function()
        local it = ruled(1, text, file("lab.lua", ECHO))
        ended(it, 1)
        complaint(it, "^%S+ error: .*faults.lua:1: late$")
      end)
    end

    it("ends the lab when it ends", function()
      ended(ruled(1, "print 'over'", file("lab.lua", ECHO)), 0)
    end)

    for what, text in pairs {
      ["an error"] = "local x = nil + 1", ["a syntax error"] = "x = = 1",
      ["a fault that fails"] = "kill_host(1) kill_host(1)",
      ["a wait without end"] = "wait_for(function() end, 0.1)",
    } do
      it("exits with 1 for " .. what, function()
        local it = ruled(1, text, file("lab.lua", ECHO))
        ended(it, 1)
        complaint(it, "error: ")
      end)
    end
  end)
end)
