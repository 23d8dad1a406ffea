-- The globals after, periodically, sleep, log and json of scripts, and line_received.
local program = require "spec.helpers.program"

local complaint, cpgrun, line = program.complaint, program.cpgrun, program.line

local NOTHING = "function config_change() end "

describe("a script for cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  it("calls functions after some time and periodically, which can sleep, and cancels them", function()
    local it = cpgrun("time", NOTHING .. [[
      local count = 0
      local never = after(0.01, function() print "never" end)
      never() never()
      local stop
      stop = periodically(0.01, function()
        count = count + 1
        if count < 3 then return end
        stop()
        sleep(0.1)
        print("ticks", count)
        sleep(0.01)
        print "slept"
        sleep(0)
        error "after sleeping"
      end)]])
    line(it, "^ticks\t3$")
    line(it, "^slept$")
    complaint(it, "error: .*time.lua:14: after sleeping$")
    complaint(it, "^\t.*time.lua:14: in function")
    assert.not_matches("never", table.concat(it.lines, "\n"))
  end)

  it("handles the next messages while a coroutine of an earlier one sleeps", function()
    local it = cpgrun("order", NOTHING .. [[
      local has_come = {}
      function message_received(_, text)
        has_come[text] = true
        coroutine.wrap(function()
          while text == "1" and not has_come["2"] do sleep(0.01) end
          print(text)
        end)()
      end
      function started() for i = 1, 2 do group:send_message(tostring(i)) end end]])
    line(it, "^1$")
    assert.same({ "2", "1" }, it.lines)
  end)

  it("is told which argument is wrong, and that only coroutines can sleep", function()
    local it = cpgrun("wrong", NOTHING .. [[
      print(pcall(after, "x", print))
      print(pcall(after, -1, print))
      print(pcall(after, 1))
      print(pcall(periodically, 0, print))
      print(pcall(sleep, 1))]])
    line(it, "^false\t.*bad argument #1 'seconds' to 'after' %(number expected, got string%)")
    line(it, "^false\t.*bad argument #1 'seconds' to 'after' %(a number from 0 to 1e9 expected, got %-1%)")
    line(it, "^false\t.*bad argument #2 'f' to 'after' %(function expected, got nil%)")
    line(it, "^false\t.*bad argument #1 'seconds' to 'periodically' %(a number from 0.001")
    line(it, "^false\t.*sleep: only a coroutine can sleep")
  end)

  it("writes to the log with levels", function()
    local it = cpgrun("logs", NOTHING .. [[
      log.info("%d%%", 5) log.warn "100%" log.error "wrong" log.debug "unseen"
      function started() print "up" end]])
    line(it, "^up$")
    complaint(it, "info: 5%%$")
    complaint(it, "warning: 100%%$")
    complaint(it, "error: wrong$")
    assert.not_matches("unseen", table.concat(it.errors, "\n"))
  end)

  it("gets the lines of standard input and its end, also after a reload", function()
    local text = [[
      function line_received(line) print(NAME, line) end
      function started() print(NAME, "up") end]]
    local it = cpgrun("input", NOTHING .. "NAME = 'old'" .. text)
    line(it, "^old\tup$")
    it:write "one\ntwo\n"
    line(it, "^old\ttwo$")
    program.file("input.lua", NOTHING .. "NAME = 'new'" .. text)
    it:kill "sighup"
    line(it, "^new\tup$")
    it:write "three"
    it:close_stdin()
    line(it, "^new\tthree$")
    line(it, "^new\tnil$")
  end)

  it("gets the lines of a file and its end", function()
    local path = program.file("reads.lua", NOTHING .. "function line_received(line) print(line) end")
    local it = program.start("sh", "-c", 'exec cpgrun "$0" <"$1"', path, program.file("lines", "one\ntwo"))
    line(it, "^one$")
    line(it, "^two$")
    line(it, "^nil$")
  end)

  it("stops a function of after by the limit of handlers, also after it has slept", function()
    local it = cpgrun("limited", NOTHING .. [[
      after(0, function()
        sleep(0.01)
        while true do end
      end)
      after(0.5, function() print "on" end)]], "--handler-timeout", "0.2")
    complaint(it, "handler%-timeout")
    line(it, "^on$")
  end)

  it("has JSON if dkjson is installed", function()
    if not pcall(require, "dkjson") then
      return pending "no dkjson here"
    end
    local it = cpgrun("json", NOTHING .. [[
      print(json.encode { 1, "a" }, json.decode('{"a":[1]}').a[1], json.decode "{")]])
    line(it, '^%[1,"a"%]\t1\tnil\t')
  end)
end)
