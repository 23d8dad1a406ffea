-- The globals map, lock, leader, every and calls of scripts for cpgrun.
local program = require "spec.helpers.program"
local uv = require "luv"

local complaint, cpgrun, line = program.complaint, program.cpgrun, program.line

-- No other script on this Corosync has that name.
local function script(text)
  return ("group_name = 'spec-%.0f' "):format(uv.hrtime()) .. text
end

describe("the globals of a script for cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  it("make maps, locks, elections, ticks and calls on the group's replica, without a handler", function()
    local it = cpgrun("all", script [[
      local prices = map "prices"
      print("set", prices:set("tea", 3), prices:get "tea", map "prices":get "tea")
      local held = assert(lock "one":acquire())
      print("held", held.token > 0, lock "one":holder().pid == require("luv").os_getpid())
      leader("it", { elected = function(token) print("elected", token > held.token) end,
        deposed = function(reason) print("deposed", reason) end })
      every("second", 1, function() print "tick" end)
      local rpc = calls { sum = function(a, b) return a + b end }
      print("sum", rpc:any("sum", 2, 3))]])
    line(it, "^set\ttrue\t3\t3$")
    line(it, "^held\ttrue\ttrue$")
    line(it, "^sum\t5$")
    line(it, "^elected\ttrue$")
    line(it, "^tick$")
    it:kill "sigterm"
    program.ended(it, 0)
    line(it, "^deposed\tclosed$")
  end)

  it("work beside the script's handlers, which hear of the group as before", function()
    local it = cpgrun("beside", script [[
      function config_change(members) print("members", #members) end
      function view_change(view) print("view", #view.members) end
      function message_received(_, message) print("message", message, map "m":get "k") end
      function started()
        coroutine.wrap(function()
          print("set", map "m":set("k", "v"))
          assert(group:send_message "hi")
        end)()
      end]])
    line(it, "^members\t1$")
    line(it, "^view\t1$")
    line(it, "^set\ttrue$")
    line(it, "^message\thi\tv$")
  end)

  it("share what they make with other scripts of that group, and with replicas of its name", function()
    local one = cpgrun("one", [[map "m":watch("", function(key, new) print("told", key, new) end) print "up"]],
      "--group", "shared-group")
    line(one, "^up$")
    local other = cpgrun("other", [[
      local app = assert(require "corosync.replica" "shared-group")
      print("set", app:map "m":set("k", 1))]])
    line(other, "^set\ttrue$")
    line(one, "^told\tk\t1$")
  end)

  it("cost nothing if they are not used: there is no replica", function()
    local it = cpgrun("unused", "function config_change() end function started() "
      .. "print(package.loaded['corosync.replica'] == nil, type(map), type(calls)) end")
    line(it, "^true\tfunction\tfunction$")
  end)

  it("can be replaced by the script's own", function()
    local it = cpgrun("replaced", [[function map(x) return x .. "!" end
      function config_change() print(map "mine") end]])
    line(it, "^mine!$")
  end)

  it("do not excuse a script without handlers that does not use them", function()
    local code, _, errors = program.run_script("without", "local x = map")
    assert.equal(1, code)
    assert.matches("defines no handler: .*, view_change, ring_change or quorum_change, or make a replica: call map, "
      .. "lock, leader, every or calls", errors)
  end)

  it("raise for wrong arguments, at the script's line", function()
    local code, _, errors = program.run_script("wrong", script "\nmap()")
    assert.equal(1, code)
    assert.matches("wrong.lua:2: bad argument #1 'name' to 'map' %(string expected, got nil%)", errors)
  end)

  it("warn when group_name is set after their first use", function()
    local it = cpgrun("late", [[map "m" group_name = "late-name"]])
    complaint(it, "warning: the global 'group_name' was set after the replica of group 'late' had been made")
  end)

  it("get errors of their functions logged", function()
    local it = cpgrun("raises", script [[
      map "m":watch("", function() error "not today" end)
      assert(map "m":set("k", 1))]])
    complaint(it, "error: .*raises.lua:1: not today$")
  end)

  it("are accepted by --check, without a Corosync", function()
    local path = program.file("checked.lua", [[
      local m = map "m"
      print(m:set("k", 1), m:increment "n", m:get("k", { confirmed = true }), m:each()())
      m:watch("", print)
      local held = assert(lock "l":acquire { timeout = 5 })
      assert(m:set("k", 2, { holding = held }))
      assert(held:release())
      leader("it", { elected = print })
      every("minute", 60, print)
      local rpc = calls { f = print }
      print(select(3, rpc:any "f"), rpc:all "f"())]])
    local code, out, errors = program.run("unshare", "-n", "cpgrun", "--check", path)
    assert.equal(0, code, errors)
    assert.matches("^true\ttrue\tnil\tnil\tnil\nnot_connected\n.*would run in group 'checked'$", out)
  end)

  it("give no lock to a coroutine with --check, so that nothing is done beside the real holder", function()
    local code, out, errors = program.run_script("guarded", script [[
      print "loads"
      coroutine.wrap(function() print("held", lock "l":acquire()) end)()]], "--check")
    assert.equal(0, code, errors)
    assert.matches("^loads\n[^\n]*guarded.lua would run in group '[^\n]*$", out)
  end)
end)
