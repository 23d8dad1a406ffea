local program = require "spec.helpers.program"

local cpgrun = program.cpgrun

local file, line, complaint = program.file, program.line, program.complaint

describe("slow handlers in cpgrun #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  local GO = "slow.lua.go"

  -- The handler of the first message returns when the file exists.
  local SLOW = [[
    local sleep, seen = require("luv").sleep, 0
    group = "the script's own" -- which is nothing to the host
    function config_change() end
    function lagged(seconds, events, bytes)
      if seconds > 1 then print("lagged", events > 100, bytes > 100000) end
    end
    function disconnected(reason) print("disconnected", reason:match "its handlers lag") end
    function message_received(_, message)
      seen = seen + 1
      if seen == 1 then
        print "asleep"
        while not io.open(arg[0] .. ".go") do sleep(10) end
      elseif message == "last" then
        print("seen", seen)
        require("corosync").loop.stop()
      end
    end]]
  local FLOOD = [[
    function config_change() end
    function started()
      for i = 1, 1000 do assert(group:send_message(("x"):rep(1000))) end
      assert(group:send_message "last")
      require("corosync").loop.stop()
    end]]

  local LAG = "warning: handlers of group 'slow' lag: %d+ events %(%d+%.%d [kM]B%) wait, "

  -- All messages have been sent, and the first one is being handled.
  local function flooded(...)
    os.remove(file(GO))
    local slow = cpgrun("slow", SLOW, "--group", "slow", ...)
    complaint(slow, "info: joined")
    program.ended(cpgrun("flood", FLOOD, "--group", "slow"), 0)
    return slow
  end

  it("are reported before they return", function()
    local slow = flooded()
    complaint(slow, LAG .. "the oldest for %d+%.%d s$")
    assert.same({ "asleep" }, slow.lines)
    file(GO, "")
    program.ended(slow, 0)
  end)

  for _, way in ipairs { "leave", "stop" } do
    it("are reported when they reach the limit: " .. way, function()
      local slow = flooded("--reader-limit", "100k", "--reader-full", way)
      complaint(slow, LAG .. ".* the reader's limit$")
      assert.same({ "asleep" }, slow.lines)
      file(GO, "")
      program.ended(slow, way == "leave" and 1 or 0)
    end)
  end

  it("are reported, and no message is lost", function()
    local slow = flooded()
    complaint(slow, LAG .. "the oldest for %d+%.%d s$")
    file(GO, "")
    program.ended(slow, 0)
    line(slow, "^lagged\ttrue\ttrue$")
    line(slow, "^seen\t1001$")
  end)

  it("end cpgrun at the limit", function()
    local slow = flooded("--reader-limit", "100k")
    complaint(slow, LAG .. ".* the reader's limit$")
    file(GO, "")
    program.ended(slow, 1)
    line(slow, "^disconnected\tits handlers lag$")
    complaint(slow, "error: cannot dispatch cpg: its handlers lag")
    assert.not_matches("seen", table.concat(slow.lines, "\n"))
  end)

  for _, options in ipairs { { "--reader-limit", "100k", "--reader-full", "stop" }, { "--reader-limit", "0" } } do
    it("lose no message with " .. table.concat(options, " "), function()
      local slow = flooded((table.unpack or unpack)(options))
      file(GO, "")
      program.ended(slow, 0)
      line(slow, "^seen\t1001$")
    end)
  end

  -- Far more than the limit in all, faster than it is handled; other users of the loop go on.
  local STEADY = [[
    local uv, handled, turns, worst = require "luv", 0, 0, 0
    local busy, count = tonumber(arg[1]), tonumber(arg[2])
    function config_change() end
    function lagged(_, events, bytes) worst = math.max(worst, bytes) end
    function message_received()
      handled = handled + 1
      local began = uv.hrtime()
      while handled <= count and uv.hrtime() - began < busy do end -- the leave waits for all handlers
    end
    function started()
      uv.new_timer():start(1, 1, function()
        for _ = 1, 400 do assert(group:send_message(("x"):rep(1000))) end
        if handled > count then
          print("turns", turns > 5, "lag", worst > 0, worst < 300000)
          require("corosync").loop.stop()
        end
      end)
      uv.new_timer():start(1, 1, function() turns = turns + 1 end)
    end]]

  local function steady(limit, busy, count)
    local it = program.start("cpgrun", "--reader-limit", limit, file("steady.lua", STEADY), busy, count)
    assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
    return it
  end

  it("slow down a script that sends more than they handle, and it is notified of the lag", function()
    line(steady("1M", "200000", "5000"), "^turns\ttrue\tlag\ttrue\ttrue$")
  end)

  it("cause a warning when they lag by seconds", function()
    local it = steady("4M", "2000000", "1500")
    complaint(it, "warning: handlers of group 'steady' lag: %d+ events %(%d+%.%d [kM]B%) wait, the oldest for [%d.]+ s")
  end)

  it("fail with backlog when they send more than may be queued, and stay members", function()
    local it = cpgrun("overdone", [[
      local sent
      function config_change() end
      function message_received(_, message)
        if message == "last" then
          print("last", group:is_active())
          require("corosync").loop.stop()
        elseif not sent then
          sent = 0
          local ok, why, code
          repeat
            ok, why, code = group:send_message(("x"):rep(1000))
            sent = ok and sent + 1 or sent
          until not ok
          print(code, sent > 200, sent < 300, why)
          require("luv").new_timer():start(0, 0, function() assert(group:send_message "last") end)
        end
      end
      function started() assert(group:send_message "go") end]], "--reader-limit", "1M")
    assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
    line(it, "^backlog\ttrue\ttrue\tcannot send to group 'overdone': .*wait to be handled have reached ")
    line(it, "^last\ttrue$")
  end)

  it("have limits that must be numbers of bytes", function()
    for _, wrong in ipairs { "x", "-1", "1T", "1.5M", "", "99999999999G" } do
      local code, _, errors = program.run("cpgrun", "--reader-limit", wrong, "x.lua")
      assert.not_equal(0, code)
      assert.matches("%-%-reader%-limit", errors)
    end
  end)
end)
