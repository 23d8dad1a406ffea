local procfs = require "corosync.lab.procfs"
local program = require "spec.helpers.program"
local wait = require "corosync.lab.wait"

local cpgrun, script = program.cpgrun, program.script

local line, complaint = program.line, program.complaint

-- Signals that are pending at the same time are one.
local function takes_signals(it)
  return function() return procfs.read(("/proc/%d/status"):format(it.pid)):find "\nShdPnd:\t0+\n" end
end

describe("a signal to cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  for name, number in pairs { sigint = 2, sigterm = 15 } do
    it("ends a handler that does not return, the second time: " .. name, function()
      local it = cpgrun("stuck", script { "function() while true do end end" })
      line(it, "^begin\t1$")
      it:kill(name)
      assert(wait.until_true(takes_signals(it), 60))
      assert.is_nil((it:wait(0.3)))
      it:kill(name)
      assert.same({ 128 + number, 0 }, { it:wait(60) })
      complaint(it, "^cpgrun: ended by a signal while the script was running$")
    end)

    it("ends a script that is still loading: " .. name, function()
      local it = cpgrun("slow", "print 'loading' while true do end")
      line(it, "^loading$")
      it:kill(name)
      assert.same({ 128 + number, 0 }, { it:wait(60) })
    end)
  end

  it("can be handled by the script", function()
    local it = cpgrun("own", [[
      require("luv").new_signal():start("sigint", function() print "mine" end)
      function config_change() end
      function started() print "up" end
      function stopping() print "bye" end]])
    line(it, "^up$")
    it:kill "sigint"
    assert.same({ 0, 0 }, { it:wait(60) })
    table.sort(it.lines)
    assert.same({ "bye", "mine", "up" }, it.lines)
  end)
end)
