local program = require "spec.helpers.program"

local cpgrun, line, complaint = program.cpgrun, program.line, program.complaint

local ENDED = "error: not enough memory: the Lua state would exceed 8192 kB %(%-%-memory%-limit%)"

-- Functions that take memory without end, and one that ends the script.
local GROW = [[
  function grow() local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end
  function stop() require("corosync").loop.stop() end
]]

describe("cpgrun --memory-limit", function()
  after_each(program.clean)
  teardown(program.remove)

  it("stops functions that exceed it, wherever they run, and handles later messages", function()
    local it = cpgrun("growing", GROW .. [[
      local uv, kept = require "luv", {}
      local bodies = {
        grow,
        function() kept[1] = ("x"):rep(3e6) kept[2] = ("y"):rep(3e6) end,
        function() print("caught", pcall(string.rep, "x", 1e9)) kept = {} end,
        function() coroutine.wrap(grow)() end,
        function() after(0, function() print "timer" grow() end) end,
        function() uv.new_timer():start(0, 0, function() print "luv timer" grow() end) end,
        function() local ended ended = periodically(0.001, function() print "period" ended() grow() end) end,
        function() ("x"):rep(1e6) after(0.05, function() print("freed", collectgarbage "count" < 4096) stop() end) end,
      }
      function message_received(_, number) print("begin", number) bodies[tonumber(number)]() end
      function config_change() end
      function started()
        for i = 1, #bodies do assert(group:send_message(tostring(i))) end
        grow()
      end
      function stopping() print "stopping" grow() end]], "--memory-limit", "8M")
    program.ended(it, 0)
    for i = 1, 8 do line(it, ("^begin\t%d$"):format(i)) end
    line(it, "^caught\tfalse\t.*not enough memory")
    for _, name in ipairs { "timer", "luv timer", "period", "stopping" } do line(it, "^" .. name .. "$") end
    line(it, "^freed\ttrue$")
    complaint(it, ENDED)
    assert.not_matches("replica/", table.concat(it.errors, "\n"))
  end)

  it("leaves no code half loaded when a function has taken all of it", function()
    local it = cpgrun("full", [[
      function message_received() end
      function started()
        local hoard, value = {}, {}
        local function fill() while true do hoard[#hoard + 1] = ("x"):rep(1000) .. #hoard end end
        local function count(name) metrics.counter(name, ""):inc() end
        pcall(fill)
        local _, problem = pcall(json.encode, value)
        pcall(count, "full_total")
        hoard = nil
        collectgarbage()
        print("full", problem)
        print("free", pcall(json.encode, value))
        print("counted", pcall(count, "free_total"))
      end]], "--memory-limit", "20M", "--socket", "none")
    assert.not_matches("dkjson", line(it, "^full\t(.*)"))
    line(it, "^free\ttrue\t%[%]$")
    line(it, "^counted\ttrue$")
  end)

  it("applies to the handlers of the script's own groups, classes, handles and trackers", function()
    local it = cpgrun("others", GROW .. [[
      local corosync = require "corosync"
      local awaited, join = 3, nil -- calls before the handle joins
      local function called()
        awaited = awaited - 1
        if awaited == 0 then after(0, join) end
      end
      local function take(name, text)
        print(name, text) if text == "grow" then grow() else called() end
      end
      local Class = {}
      Class.__index = Class
      function Class:message_received(_, text) take("class", text) end
      function Class:error(text) log.error(text) end
      local handle = assert(require("corosync.cpg").open { message_received = function(_, text)
        print("handle", text) if text == "grow" then grow() else stop() end
      end, error = function() print "handle's error" end })
      function join()
        assert(handle:join "limited handle")
        corosync.loop.add(handle)
        assert(handle:send "grow") assert(handle:send "more")
      end
      function config_change() end
      function started()
        local other = corosync.group("other limited", { message_received = function(_, text)
          take("other", text)
        end, error = log.error })
        local object = corosync.group("class limited", Class)
        for _, each in ipairs { other, object } do
          corosync.loop.add(each)
          each:send_message "grow"
          each:send_message "more"
        end
        cmap:track("spec.limited", function() print "tracker" called() grow() end)
        cmap:set("spec.limited", os.time() % 1000, "u32")
      end]], "--memory-limit", "8M")
    program.ended(it, 0)
    for _, name in ipairs { "tracker", "handle's error" } do line(it, "^" .. name .. "$") end
    for _, name in ipairs { "class", "handle", "other" } do
      line(it, "^" .. name .. "\tgrow$")
      line(it, "^" .. name .. "\tmore$")
    end
  end)

  it("keeps replicas running while their functions have no memory", function()
    local it = cpgrun("replicated", GROW .. [[
      local numbers, held = map "numbers", lock "only"
      local kept
      function config_change() end
      local function add() kept = { kept } end
      local function fill() while pcall(add) do end end
      local function set() return numbers:set("late", { 1, 2, { 3 } }) end
      numbers:watch("", function(key) print("watcher", key) if key == "grow" then grow() end end)
      function started()
        after(0, function()
          assert(numbers:set("grow", 1))
          assert(numbers:set("text", ("x"):rep(50000)))
          local got = assert(held:acquire { timeout = 10 })
          fill()
          local ok, problem = pcall(set)
          kept = nil
          collectgarbage() -- which only Lua 5.2 and later do themselves
          print("full", ok, problem)
          assert(got:release())
          assert(numbers:set("late", 2))
          print("late", numbers:get "late", #numbers:get "text", held:acquire { timeout = 10 } ~= nil)
          stop()
        end)
      end]], "--memory-limit", "8M")
    program.ended(it, 0)
    line(it, "^watcher\tgrow$")
    line(it, "^full\tfalse\tnot enough memory$")
    line(it, "^late\t2\t50000\ttrue$")
    complaint(it, ENDED)
  end)

  it("ends a script that exceeds it while it loads, and names the limit", function()
    local code, _, errors = program.run_script("loading", GROW .. "grow()", "--memory-limit", "8M")
    assert.equal(1, code)
    assert.matches(ENDED, errors)
  end)

  it("reports how much memory cpgrun itself uses if the limit is less", function()
    local code, _, errors = program.run_script("small", program.NOTHING_BUT_UP, "--memory-limit=100k")
    assert.equal(1, code)
    assert.matches("error: %-%-memory%-limit of 100 kB is too small: cpgrun itself uses %d+ kB before the script is "
      .. "loaded", errors)
  end)

  it("keeps the running version when a new one exceeds it", function()
    local it = cpgrun("replaced", GROW .. "function config_change() end function started() print 'up' end "
      .. "function line_received(l) print(l) end", "--memory-limit", "8M")
    line(it, "^up$")
    program.file("replaced.lua", GROW .. "function config_change() end grow()")
    it:kill "sighup"
    complaint(it, "replaced.lua was not reloaded: the running script goes on$")
    it:write "still here\n"
    line(it, "^still here$")
    complaint(it, ENDED)
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("applies together with --handler-timeout, and to each script of --also", function()
    local path = program.file("second.lua", "function config_change() end function started() ('x'):rep(1e9) end")
    local it = cpgrun("first", "function config_change() end function started() while true do end end",
      "--memory-limit", "8M", "--handler-timeout", "0.2", "--also", path)
    complaint(it, "error: first: .*stopped because it has run")
    complaint(it, "error: second: .*not enough memory.*: the Lua state would exceed 8192 kB")
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("neither crashes nor hangs with any limit above cpgrun's own need", function()
    local all = {}
    for limit = 400, 1600, 60 do
      local path = program.file("tight.lua", [[
        local n, kept = 0, {}
        function config_change(members) kept[#kept + 1] = members end
        function message_received(_, text)
          n = n + 1
          kept[#kept + 1] = text
          group:send_message(("m%d"):format(n):rep(n * 20))
        end
        require("luv").new_timer():start(400, 0, require("corosync").loop.stop)
        function started() assert(group:send_message "first") end]])
      all[#all + 1] = program.start("cpgrun", "--memory-limit", limit .. "k", "--group", "tight" .. limit, path)
    end
    for _, it in ipairs(all) do
      local code, signal = assert(it:wait(60))
      assert.equal(0, signal)
      assert.is_true(code <= 1)
      assert.not_matches("cpgrun: ", table.concat(it.errors, "\n"))
    end
  end)
end)
