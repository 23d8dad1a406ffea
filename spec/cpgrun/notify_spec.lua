-- Notifications to a service manager by sd_notify(3).
local lab = require "corosync.lab"
local manager = require "spec.helpers.service_manager"
local program = require "spec.helpers.program"
local wait = require "corosync.lab.wait"

local file, line, start = program.file, program.line, program.start

-- The socket holds 10 notifications, and more are lost while this program gets no time to read them.
local WATCHDOG = "WATCHDOG_USEC=400000"

-- Hangs at a line of input.
local SCRIPT = [[
  function config_change() end
  function line_received(text)
    if text then print "hanging" end
    while text do end
  end
  function after_reload() print "reloaded" end
  local function wait() while not io.open(arg[0] .. ".go") do end end
]]

describe("cpgrun under a service manager", function()
  local managers

  before_each(function() managers = {} end)
  after_each(function()
    program.clean()
    for _, each in ipairs(managers) do
      each:close()
    end
  end)
  teardown(program.remove)

  local function new_manager(path)
    local one = manager(path or file(("notify%d"):format(#managers)))
    table.insert(managers, one)
    return one
  end

  local function run(one, ...)
    return start("env", "NOTIFY_SOCKET=" .. one.path, WATCHDOG, "cpgrun", ...)
  end

  -- Another script shows that time enough has passed.
  local function let_beats_pass()
    local other = new_manager()
    run(other, file("other.lua", SCRIPT))
    other:wait_for("^WATCHDOG=1$", 10)
  end

  it("is ready after started, reports its status, reloads and stops", function()
    local one = new_manager "@cpgrun spec"
    local it = run(one, file("told.lua", SCRIPT .. [[
      function started()
        print(io.popen("echo ${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none}"):read())
        wait()
      end]]))
    line(it, "^none none$")
    assert.equal(0, one:count "READY")
    file("told.lua.go", "")
    one:wait_for "^READY=1$"
    one:wait_for "^STATUS=group 'told': 1 member, quorate, %d+ messages/s$"
    one:wait_for("^WATCHDOG=1$", 3)
    one:forget()
    it:kill "sighup"
    line(it, "^reloaded$")
    one:wait_for "^READY=1$"
    assert.equal(1, one:count "^RELOADING=1$")
    assert.equal(1, one:count "^MONOTONIC_USEC=%d+$")
    it:kill "sigterm"
    program.ended(it, 0)
    assert.equal(1, one:count "^STOPPING=1$")
  end)

  it("sends no WATCHDOG=1 while a handler does not return", function()
    local one = new_manager()
    local it = run(one, file("hanging.lua", SCRIPT))
    one:wait_for "^READY=1$"
    assert(it:write "hang\n")
    line(it, "^hanging$")
    one:forget()
    let_beats_pass()
    assert.equal(0, one:count "WATCHDOG")
  end)

  it("continues when the service manager is gone, and logs a warning", function()
    local it = start("env", "NOTIFY_SOCKET=/nowhere", "cpgrun", file("alone.lua", SCRIPT
      .. "function started() print 'up' end"))
    program.complaint(it,
      "warning: cannot notify the service manager at /nowhere %(NOTIFY_SOCKET%): No such file or directory$")
    line(it, "^up$")
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("sends no WATCHDOG=1 when WATCHDOG_PID is of another process", function()
    local one = new_manager()
    start("env", "NOTIFY_SOCKET=" .. one.path, WATCHDOG, "WATCHDOG_PID=1", "cpgrun", file("child.lua", SCRIPT))
    one:wait_for "^READY=1$"
    let_beats_pass()
    assert.equal(0, one:count "WATCHDOG")
  end)

  describe("with several scripts", function()
    local READY = "function started() print('ready', require('luv').os_getpid()) end"

    it("is ready when all scripts are, reports one reload for all, and names each script in its status", function()
      local one = new_manager()
      local it = run(one, "--also", file("late.lua", SCRIPT .. [[
        function started() wait() end]]), file("early.lua", SCRIPT .. READY))
      line(it, "^ready")
      one:wait_for "^STATUS=early: group 'early': .*; late: "
      assert.equal(0, one:count "READY")
      file("late.lua.go", "")
      one:wait_for "^READY=1$"
      one:forget()
      it:kill "sighup"
      one:wait_for "^READY=1$"
      assert.equal(1, one:count "RELOADING")
      it:kill "sigterm"
      program.ended(it, 0)
      assert.equal(1, one:count "^STOPPING=1$")
    end)

    it("shows any name as text of one line", function()
      local one = new_manager()
      run(one, "--also", file("plain.lua", SCRIPT), file("a\255\nREADY=1\nb.lua", SCRIPT))
      one:wait_for "^STATUS=a\\255 READY=1 b: group"
    end)

    it("sends WATCHDOG=1 while all running scripts do", function()
      local one, uv = new_manager(), require "luv"
      local HANG = READY .. [[
        require("luv").new_signal():start("sigusr1", function() print "hangs" while true do end end)]]
      local it = run(one, "--also", file("first.lua", SCRIPT .. HANG), file("second.lua", SCRIPT .. HANG))
      one:wait_for "^READY=1$"
      one:wait_for("^WATCHDOG=1$", 3)
      local first = tonumber(line(it, "^ready\t(%d+)"))
      uv.kill(first, "sigusr1")
      line(it, "^hangs$")
      assert(wait.until_true(function() -- cpgrun may not have read the last ones of the script
        one:forget()
        let_beats_pass()
        return one:count "WATCHDOG" == 0
      end, 60))
      uv.kill(first, "sigkill")
      one:wait_for "^STATUS=.*ended with status 137"
      one:wait_for("^WATCHDOG=1$", 3)
    end)
  end)

  describe("#slow", function()
    it("is ready when its replicas are, and reports why they are not", function()
      local cluster = assert(lab.start(3))
      finally(function() assert(cluster:stop()) end)
      assert(cluster:partition({ 1 }, { 2, 3 }))
      local one = new_manager()
      assert(cluster:run(1, { "env", "NOTIFY_SOCKET=" .. one.path, "cpgrun", file("maps.lua", [[map "state"]]) }))
      one:wait_for "^STATUS=.*; replica 'maps' is not ready: this side of the cluster has no quorum"
      assert.equal(0, one:count "READY")
      assert(cluster:heal())
      assert(cluster:run(2, { "cpgrun", file("maps.lua") }))
      one:wait_for "^READY=1$"
    end)
  end)
end)
