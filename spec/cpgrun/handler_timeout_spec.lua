local program = require "spec.helpers.program"

local cpgrun, script = program.cpgrun, program.script

local line, complaint = program.line, program.complaint

local STOP = "function() require('corosync').loop.stop() end"

describe("cpgrun --handler-timeout", function()
  after_each(program.clean)
  teardown(program.remove)

  local function stopped(name, bodies, before)
    bodies[#bodies + 1] = STOP
    local it = cpgrun(name, script(bodies, before), "--handler-timeout", "0.2")
    assert.same({ 0, 0 }, { it:wait(60) })
    local text, expected = table.concat(it.errors, "\n"), #bodies - 1
    assert.equal(expected, select(2, text:gsub("stopped because it has run for more than 0.2 s", "")), text)
    for number = 1, expected do
      line(it, "^begin\t" .. number .. "$")
      assert.not_matches("end\t" .. number, table.concat(it.lines, "\n"))
    end
    line(it, "^end\t" .. #bodies .. "$")
    return text
  end

  it("interrupts a handler, names the line, and continues", function()
    local text = stopped("plain", { "function() local n = 0 while true do n = n + 1 end end" })
    assert.matches(" error: /tmp/[^\n]*/plain.lua:1: stopped because .*\nstack traceback:\n", text)
  end)

  it("reports where the time was spent, also when the script catches the error", function()
    local text = stopped("place", { "function()\npcall(function()\nwhile true do end end)\nlocal n = 1 n = n + 1 end",
      "function()\nwhile true do end end" })
    local places = {}
    for place in text:gmatch "error: /tmp/[^\n]*/place.lua:(%d+): stopped" do places[#places + 1] = tonumber(place) end
    assert.same({ 3, 6 }, places)
  end)

  it("interrupts a handler that mostly waits and runs few instructions", function()
    stopped("waiting", { "function() while true do require('luv').sleep(50) end end",
      "function() for _ = 1, 1e5 + 100 do end while true do require('luv').sleep(50) end end",
      "function() for _ = 1, 1e5 + 200 do end while true do require('luv').sleep(50) end end" })
  end)

  it("interrupts a tracker's handler and continues with the next change", function()
    local it = cpgrun("tracking", [[
      function config_change() end
      cmap:track("spec.limit.", function(_, key, new)
        print(key, new)
        if key == "spec.limit.1" then while true do end end
        if key == "spec.limit.3" then require("corosync").loop.stop() end
      end)
      function started()
        for i = 1, 3 do assert(cmap:set("spec.limit." .. i, os.time() % 1000 + i, "u32")) end
      end]], "--handler-timeout", "0.2")
    assert.same({ 0, 0 }, { it:wait(60) })
    for i = 1, 3 do line(it, ("^spec.limit.%d\t%%d+$"):format(i)) end
    assert.equal(1, select(2, table.concat(it.errors, "\n"):gsub("stopped because", "")))
  end)

  it("raises an error that the script cannot catch", function()
    stopped("caught", {
      "function() while true do pcall(function() while true do end end) end end",
      "function() while true do pcall(pcall, function() while true do end end) end end",
      "function() while true do xpcall(function() while true do end end, function(m) return m end) end end",
      "function() local function f(n) if n < 100 then pcall(f, n + 1) end while true do end end f(0) end",
      "function() while true do pcall(function() for i = 1, 1e12 do tostring(i) end end) end end",
      "function() require('luv').new_idle():start(function() end) while true do require('luv').run 'nowait' end end",
    })
  end)

  it("does not interrupt the library, which keeps working", function()
    local text = stopped("within", {
      "function() while true do loop.add(other) loop.remove(other) end end",
      "function() while true do other:fd() other:timeout() end end",
    }, [[
      loop, other = require("corosync").loop, require("corosync.service").quorum()
    ]])
    for place in text:gmatch "error: ([^\n]*): stopped because" do
      assert.matches("within%.lua:%d+$", place)
    end
  end)

  it("interrupts again after it interrupted a chunk reader in load", function()
    stopped("pieces", { "function() load(function() while true do end end) while true do end end",
      "function() while true do end end" })
  end)

  it("interrupts code that LuaJIT would recompile, and loadstring", function()
    stopped("jit", { "function() if jit then jit.on() end local n = 0 while true do n = n + 1 end end",
      "function() (jit and loadstring or load)(function() while true do end end) while true do end end",
      "function() while true do end end" })
  end)

  it("counts for each event of a handle", function()
    local it = cpgrun("handle", [[
      local corosync, cpg, uv = require "corosync", require "corosync.cpg", require "luv"
      local handled = 0
      local handle = assert(cpg.open { message_received = function()
        local began = uv.hrtime()
        while uv.hrtime() - began < 1e8 do end
        handled = handled + 1
        if handled == 21 then corosync.loop.stop() end
      end })
      function config_change() end
      function started()
        assert(handle:join "limited handle")
        for _ = 1, 21 do assert(handle:send "") end
        corosync.loop.add(handle)
      end]], "--handler-timeout", "2")
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.not_matches("stopped", table.concat(it.errors, "\n"))
  end)

  it("counts for each call of a group's own error function", function()
    local it = cpgrun("errors", [[
      local corosync, now = require "corosync", require("corosync.binding").now
      local finished = 0
      local group = corosync.group("raising", {
        message_received = function() error "not today" end,
        error = function()
          local began = now()
          while now() - began < 0.1 do end
          finished = finished + 1
          if finished == 21 then corosync.loop.stop() end
        end,
      })
      function config_change() end
      function started()
        assert(corosync.loop.add(group))
        for _ = 1, 21 do assert(group:send_message "") end
      end]], "--handler-timeout", "2")
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.not_matches("stopped", table.concat(it.errors, "\n"))
  end)

  it("does not change load", function()
    local it = cpgrun("load", [[
      local pieces = { "return ", "1 + ", "2" }
      function config_change() end
      print(load(function() return table.remove(pieces, 1) end)())
      local function first_line(_, problem) print((problem:match "[^\n]*":gsub("^%S+%.lua:%d+: ", ""))) end
      first_line(load(function() return {} end))
      first_line(load(function() error("not today", 0) end))
      pieces = { "x ", "x" }
      first_line(load(function() return table.remove(pieces, 1) end, "=named"))
      function started() require("corosync").loop.stop() end]], "--handler-timeout", "5")
    assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
    local named = table.remove(it.lines)
    assert.same({ "3", "reader function must return a string", "not today" }, it.lines)
    assert.matches("^named:1: ", named)
  end)

  it("interrupts coroutines created at any time", function()
    stopped("coroutines", {
      "function() old() end",
      "function() coroutine.wrap(function() while true do pcall(function() while true do end end) end end)() end",
      "function() while true do coroutine.resume(coroutine.create(function() while true do end end)) end end",
      -- Each is struck once, and is then begun anew by the one around it until that one is struck.
      [[function()
        local function innermost() while true do end end
        local function inner() while true do coroutine.resume(coroutine.create(innermost)) end end
        while true do coroutine.resume(coroutine.create(inner)) end
      end]],
    }, "local old = coroutine.wrap(function() while true do pcall(function() while true do end end) end end)\n")
  end)

  it("works after a coroutine's end that is followed by few or no instructions", function()
    local text = stopped("ends", {
      "function() coroutine.resume(coroutine.create(function() while true do end end)) end",
      "function() return coroutine.resume(coroutine.create(function()\nwhile true do end end)) end",
      "function() pcall(coroutine.wrap(function() pcall(function() while true do end end) end)) print 'goes on' end",
      [[(loadstring or load)(string.dump(function()
        coroutine.resume(coroutine.create(function() while true do end end))
      end, true))]],
    })
    assert.matches("ends.lua:3: stopped", text)
    assert.not_matches("goes on", text)
  end)

  it("counts for each event and for handlers of the script's own groups", function()
    local it = cpgrun("events", [[
      local corosync, now = require "corosync", require("corosync.binding").now
      local count = 0
      local function busy(seconds)
        local until_then = now() + seconds
        while now() < until_then do end
      end
      local other = corosync.group("events too", {
        message_received = function(_, message)
          count = count + 1
          busy(message == "long" and 60 or 0.22)
          if count == 11 then corosync.loop.stop() end
        end,
        error = function(message) print("mine", message:match "stopped because") end,
      })
      function config_change() end
      function started()
        assert(corosync.loop.add(other))
        for i = 1, 11 do assert(other:send_message(i == 5 and "long" or "short")) end
      end]], "--handler-timeout", "2")
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.same({ "mine\tstopped because" }, it.lines)
    assert.not_matches("error: ", table.concat(it.errors, "\n"))
  end)

  it("ends a script that does not finish loading, and interrupts timers and started", function()
    local it = cpgrun("loading", "while true do pcall(function() while true do end end) end",
      "--handler-timeout", "0.2")
    assert.same({ 1, 0 }, { it:wait(60) })
    complaint(it, "loading.lua:1: stopped because it has run for more than 0.2 s")
    it = cpgrun("timers", [[
      local uv = require "luv"
      function config_change() end
      function started()
        uv.new_timer():start(0, 0, function() while true do end end)
        uv.new_timer():start(300, 0, function() require("corosync").loop.stop() end)
        while true do end
      end]], "--handler-timeout", "0.2")
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.equal(2, select(2, table.concat(it.errors, "\n"):gsub("stopped because", "")))
  end)

  it("must be a number of seconds", function()
    for _, wrong in ipairs { "0", "-1", "x", "nan", "inf" } do
      local code, _, errors = program.run("cpgrun", "--handler-timeout", wrong, "x.lua")
      assert.not_equal(0, code)
      assert.matches("%-%-handler%-timeout", errors)
    end
  end)
end)
