-- What cpgrun does about scripts that do not return, that lag, or that should not be root.
local lab = require "corosync.lab"
local ordinary = require "spec.support.ordinary"
local program = require "spec.support.cpgrun.program"

local file, line, complaint = program.file, program.line, program.complaint

local function cpgrun(name, text, ...)
  local argv = { "cpgrun", ... }
  argv[#argv + 1] = file(name .. ".lua", text)
  return program.start((table.unpack or unpack)(argv)) -- luacheck: globals unpack
end

-- A script that hands each of these bodies to itself as a message, and ends after the last.
local function script(bodies, before)
  return (before or "") .. [[
    local bodies = {]] .. table.concat(bodies, ",\n") .. [[ }
    function message_received(_, number)
      print("begin", number)
      bodies[tonumber(number)]()
      print("end", number)
    end
    function config_change() end
    function started()
      for i = 1, #bodies do assert(group:send_message(tostring(i))) end
    end]]
end

local STOP = "function() require('corosync').loop.stop() end"

describe("--handler-timeout", function()
  after_each(program.clean)
  teardown(program.remove)

  local function stopped(name, bodies, before)
    bodies[#bodies + 1] = STOP
    local it = cpgrun(name, script(bodies, before), "--handler-timeout", "0.2")
    assert.same({ 0, 0 }, { it:wait(30) })
    local text, expected = table.concat(it.errors, "\n"), #bodies - 1
    assert.equal(expected, select(2, text:gsub("stopped, since it has run for more than 0.2 s", "")), text)
    for number = 1, expected do
      line(it, "^begin\t" .. number .. "$")
      assert.not_matches("end\t" .. number, table.concat(it.lines, "\n"))
    end
    line(it, "^end\t" .. #bodies .. "$")
    return text
  end

  it("stops what does not return, says where, and goes on", function()
    local text = stopped("plain", { "function() local n = 0 while true do n = n + 1 end end" })
    assert.matches(" error: /tmp/[^\n]*/plain.lua:1: stopped, .*\nstack traceback:\n", text)
  end)

  it("says where the time went, also when the script goes on with the error", function()
    local text = stopped("place", { "function()\npcall(function()\nwhile true do end end)\nlocal n = 1 n = n + 1 end",
      "function()\nwhile true do end end" })
    local places = {}
    for place in text:gmatch "error: /tmp/[^\n]*/place.lua:(%d+): stopped" do places[#places + 1] = tonumber(place) end
    assert.same({ 3, 6 }, places)
  end)

  it("stops what mostly waits, and so runs few instructions", function()
    stopped("waiting", { "function() while true do require('luv').sleep(50) end end",
      "function() for _ = 1, 1e5 + 100 do end while true do require('luv').sleep(50) end end",
      "function() for _ = 1, 1e5 + 200 do end while true do require('luv').sleep(50) end end" })
  end)

  it("stops trackers as well, and goes on with the next change", function()
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
    assert.same({ 0, 0 }, { it:wait(10) })
    for i = 1, 3 do line(it, ("^spec.limit.%d\t%%d+$"):format(i)) end
    assert.equal(1, select(2, table.concat(it.errors, "\n"):gsub("stopped, since", "")))
  end)

  it("is not caught in the script", function()
    stopped("caught", {
      "function() while true do pcall(function() while true do end end) end end",
      "function() while true do pcall(pcall, function() while true do end end) end end",
      "function() while true do xpcall(function() while true do end end, function(m) return m end) end end",
      "function() local function f(n) if n < 100 then pcall(f, n + 1) end while true do end end f(0) end",
      "function() while true do pcall(function() for i = 1, 1e12 do tostring(i) end end) end end",
      "function() require('luv').new_idle():start(function() end) while true do require('luv').run 'nowait' end end",
    })
  end)

  it("does not interrupt the library, which the script goes on with", function()
    local text = stopped("within", {
      "function() while true do loop.add(other) loop.remove(other) end end",
      "function() while true do other:fd() other:timeout() end end",
    }, [[
      loop, other = require("corosync").loop, require("corosync.service").quorum()
    ]])
    for place in text:gmatch "error: ([^\n]*): stopped, since" do
      assert.matches("within%.lua:%d+$", place)
    end
  end)

  it("strikes again after it has struck in what load asks for the pieces of a chunk", function()
    stopped("pieces", { "function() load(function() while true do end end) while true do end end",
      "function() while true do end end" })
  end)

  it("strikes where LuaJIT would compile again, or asks by loadstring for the pieces", function()
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
        while uv.hrtime() - began < 2e7 do end
        handled = handled + 1
        if handled == 30 then corosync.loop.stop() end
      end })
      function config_change() end
      function started()
        assert(handle:join "limited handle")
        for _ = 1, 30 do assert(handle:send "") end
        corosync.loop.add(handle)
      end]], "--handler-timeout", "0.2")
    assert.same({ 0, 0 }, { it:wait(30) })
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
          while now() - began < 0.05 do end
          finished = finished + 1
          if finished == 20 then corosync.loop.stop() end
        end,
      })
      function config_change() end
      function started()
        assert(corosync.loop.add(group))
        for _ = 1, 20 do assert(group:send_message "") end
      end]], "--handler-timeout", "0.3")
    assert.same({ 0, 0 }, { it:wait(30) })
    assert.not_matches("stopped", table.concat(it.errors, "\n"))
  end)

  it("leaves load as it is", function()
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
    assert.same({ 0, 0 }, { it:wait(10) }, table.concat(it.errors, "\n"))
    local named = table.remove(it.lines)
    assert.same({ "3", "reader function must return a string", "not today" }, it.lines)
    assert.matches("^named:1: ", named)
  end)

  it("reaches into coroutines, made at any time", function()
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

  it("is not lost in a coroutine's end, after which little or nothing comes", function()
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

  it("counts for each event, and for handlers of the script's own groups", function()
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
          busy(message == "long" and 60 or 0.1)
          if count == 11 then corosync.loop.stop() end
        end,
        error = function(message) print("mine", message:match "stopped, since") end,
      })
      function config_change() end
      function started()
        assert(corosync.loop.add(other))
        for i = 1, 11 do assert(other:send_message(i == 5 and "long" or "short")) end
      end]], "--handler-timeout", "0.5")
    assert.same({ 0, 0 }, { it:wait(30) })
    assert.same({ "mine\tstopped, since" }, it.lines)
    assert.not_matches("error: ", table.concat(it.errors, "\n"))
  end)

  it("ends a script that does not end loading, and stops timers and started", function()
    local it = cpgrun("loading", "while true do pcall(function() while true do end end) end",
      "--handler-timeout", "0.2")
    assert.same({ 1, 0 }, { it:wait(10) })
    complaint(it, "loading.lua:1: stopped, since it has run for more than 0.2 s")
    it = cpgrun("timers", [[
      local uv = require "luv"
      function config_change() end
      function started()
        uv.new_timer():start(0, 0, function() while true do end end)
        uv.new_timer():start(300, 0, function() require("corosync").loop.stop() end)
        while true do end
      end]], "--handler-timeout", "0.2")
    assert.same({ 0, 0 }, { it:wait(10) })
    assert.equal(2, select(2, table.concat(it.errors, "\n"):gsub("stopped, since", "")))
  end)

  it("is a number of seconds", function()
    for _, wrong in ipairs { "0", "-1", "x", "nan", "inf" } do
      local code, _, errors = program.run("cpgrun", "--handler-timeout", wrong, "x.lua")
      assert.not_equal(0, code)
      assert.matches("%-%-handler%-timeout", errors)
    end
  end)
end)

describe("a signal", function()
  after_each(program.clean)
  teardown(program.remove)

  for name, number in pairs { sigint = 2, sigterm = 15 } do
    it("ends a handler that does not return, the second time: " .. name, function()
      local it = cpgrun("stuck", script { "function() while true do end end" })
      line(it, "^begin\t1$")
      it:kill(name)
      assert.is_nil((it:wait(0.3)))
      it:kill(name)
      assert.same({ 128 + number, 0 }, { it:wait(10) })
      complaint(it, "^cpgrun: ended by a signal while the script was running$")
    end)

    it("ends a script that is still loaded: " .. name, function()
      local it = cpgrun("slow", "print 'loading' while true do end")
      line(it, "^loading$")
      it:kill(name)
      assert.same({ 128 + number, 0 }, { it:wait(10) })
    end)
  end

  it("is still a script's own, too", function()
    local it = cpgrun("own", [[
      require("luv").new_signal():start("sigint", function() print "mine" end)
      function config_change() end
      function started() print "up" end
      function stopping() print "bye" end]])
    line(it, "^up$")
    it:kill "sigint"
    assert.same({ 0, 0 }, { it:wait(10) })
    table.sort(it.lines)
    assert.same({ "bye", "mine", "up" }, it.lines)
  end)
end)

describe("slow handlers", function()
  after_each(program.clean)
  teardown(program.remove)

  local SLOW = [[
    local now = require("corosync.binding").now
    local seen = 0
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
        local until_then = now() + 1.5
        while now() < until_then do end
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

  local function flooded(...)
    local slow = cpgrun("slow", SLOW, "--group", "slow", ...)
    complaint(slow, "info: joined")
    assert.same({ 0, 0 }, { cpgrun("flood", FLOOD, "--group", "slow"):wait(20) })
    return slow
  end

  it("are told of while they have not returned", function()
    local slow = flooded()
    complaint(slow, "warning: handlers of group 'slow' lag: %d+ events %(%d+%.%d MB%) wait, the oldest for 1%.%d s$")
    assert.same({ "asleep" }, slow.lines)
    assert.same({ 0, 0 }, { slow:wait(20) })
  end)

  for _, way in ipairs { "leave", "stop" } do
    it("are told of as soon as they meet the limit: " .. way, function()
      local slow = flooded("--reader-limit", "100k", "--reader-full", way)
      complaint(slow, "warning: handlers of group 'slow' lag: %d+ events %(0.1 MB%) wait, .* the reader's limit$")
      assert.same({ "asleep" }, slow.lines)
      assert.same({ way == "leave" and 1 or 0, 0 }, { slow:wait(20) })
    end)
  end

  it("are told of, and nothing is lost", function()
    local slow = flooded()
    assert.same({ 0, 0 }, { slow:wait(20) })
    line(slow, "^lagged\ttrue\ttrue$")
    line(slow, "^seen\t1001$")
    complaint(slow, "warning: handlers of group 'slow' lag: %d+ events %(%d+%.%d MB%) waited, the oldest for %d+%.%d s")
  end)

  it("end it at the limit", function()
    local slow = flooded("--reader-limit", "100k")
    assert.same({ 1, 0 }, { slow:wait(20) })
    line(slow, "^disconnected\tits handlers lag$")
    complaint(slow, "error: cannot dispatch cpg: its handlers lag")
    assert.not_matches("seen", table.concat(slow.lines, "\n"))
  end)

  for _, options in ipairs { { "--reader-limit", "100k", "--reader-full", "stop" }, { "--reader-limit", "0" } } do
    it("lose nothing with " .. table.concat(options, " "), function()
      local slow = flooded((table.unpack or unpack)(options))
      assert.same({ 0, 0 }, { slow:wait(20) })
      line(slow, "^seen\t1001$")
    end)
  end

  -- Far more than the limit in all, faster than it is handled; other users of the loop go on.
  local STEADY = [[
    local uv, handled, turns, worst = require "luv", 0, 0, 0
    local busy = tonumber(arg[1])
    function config_change() end
    function lagged(_, events, bytes) worst = math.max(worst, bytes) end
    function message_received()
      handled = handled + 1
      local began = uv.hrtime()
      while uv.hrtime() - began < busy do end
    end
    function started()
      uv.new_timer():start(1, 1, function()
        for _ = 1, 400 do assert(group:send_message(("x"):rep(1000))) end
        if handled > tonumber(arg[2]) then
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

  it("slow a script that sends more than they handle, which is told how far they lag", function()
    line(steady("1M", "0", "20000"), "^turns\ttrue\tlag\ttrue\ttrue$")
  end)

  it("do so with a warning, where they lag by seconds", function()
    local it = steady("4M", "2000000", "1500")
    complaint(it, "warning: handlers of group 'steady' lag: %d+ events %(%d+%.%d MB%) waited, the oldest for %d+%.%d s")
  end)

  it("have a handler that sends more than may wait fail with backlog, and stay members", function()
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
    assert.same({ 0, 0 }, { it:wait(30) }, table.concat(it.errors, "\n"))
    line(it, "^backlog\ttrue\ttrue\tcannot send to group 'overdone': .*wait to be handled: ")
    line(it, "^last\ttrue$")
  end)

  it("have limits that are numbers of bytes", function()
    for _, wrong in ipairs { "x", "-1", "1T", "1.5M", "", "99999999999G" } do
      local code, _, errors = program.run("cpgrun", "--reader-limit", wrong, "x.lua")
      assert.not_equal(0, code)
      assert.matches("%-%-reader%-limit", errors)
    end
  end)
end)

describe("--user", function()
  after_each(program.clean)
  teardown(program.remove)

  local WHO = [[
    local HOME, USER = os.getenv "HOME", os.getenv "USER"
    print(HOME, USER, os.getenv "LOGNAME" == USER)
    print("loaded as", require("luv").getuid(), (io.open("/proc/self/status"):read "*a"):match "Groups:\t(%d*)")
    function config_change() end
    function started() print("started as", require("luv").getuid()) require("corosync").loop.stop() end]]

  it("runs the script as that user, with the connections that root has opened", function()
    if #ordinary.prefix == 0 then
      pending "no other user exists in this namespace"
      return
    end
    local it = cpgrun("who", WHO, "--user", "nobody")
    assert.same({ 0, 0 }, { it:wait(10) }, table.concat(it.errors, "\n"))
    assert.same({ "/nonexistent\tnobody\ttrue", "loaded as\t65534\t65534", "started as\t65534" }, it.lines)
  end)

  it("leaves the script what it may ask Corosync for", function()
    if #ordinary.prefix == 0 then
      pending "no other user exists in this namespace"
      return
    end
    local it = cpgrun("asks", [[
      function view_change(view)
        print(#view.members, view.quorate, group:is_quorate(), (group:cmap_get "totem.version"))
        require("corosync").loop.stop()
      end]], "--user", "nobody")
    assert.same({ 0, 0 }, { it:wait(10) }, table.concat(it.errors, "\n"))
    assert.same({ "1\ttrue\ttrue\t2" }, it.lines)
    it = cpgrun("asks_late", [[
      function config_change() end
      function started()
        require("luv").new_timer():start(0, 10, function()
          local view, message, code = group:view() -- the ring may be told only after the join
          if view or code ~= "try_again" then
            print(view and #view.members or message)
            require("corosync").loop.stop()
          end
        end)
      end]], "--user", "nobody")
    assert.same({ 0, 0 }, { it:wait(10) }, table.concat(it.errors, "\n"))
    assert.same({ "1" }, it.lines)
  end)

  it("is refused for a user that there is not, or without root", function()
    local it = cpgrun("nowho", WHO, "--user", "no such user")
    assert.same({ 1, 0 }, { it:wait(10) })
    complaint(it, "error: cannot become the user 'no such user': there is no such user")
    it = program.start("setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid", "cpgrun", "--user",
      "nobody", file("nowho.lua", WHO))
    assert.same({ 1, 0 }, { it:wait(10) })
    complaint(it, "error: cannot become the user 'nobody': that takes root")
    assert.same({}, it.lines)
  end)
end)

describe("--watchdog", function()
  after_each(program.clean)
  teardown(program.remove)

  it("tells of a call that does not return", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local it = assert(cluster:run(1, { "cpgrun", "--watchdog", "0.2", "--group", "blo'cked\200", file("blocked.lua", [[
      function config_change() end
      function started() print "up" end]]) }))
    line(it, "^up$")
    assert(cluster:pause(1))
    it:kill "sigterm"
    complaint(it, "warning: cpg: leave of group 'blo\\039cked\\200' has not returned for %d+ s", 20)
    assert(cluster:resume(1))
    assert.same({ 0, 0 }, { it:wait(20) })
  end)

  it("tells of calls of the map and of quorum", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local it = assert(cluster:run(1, { "cpgrun", "--watchdog", "0.2", file("asking.lua", [[
      function config_change() end
      local steps = {
        function() return cmap:get "totem.version" end,
        function() return cmap:set("spec.watchdog", 1, "u8") end,
        function() return cmap:track("spec.", function() end) end,
        function() return cmap:each "totem." end,
        function() return quorum:quorate() end,
        function() return cmap:delete "spec.watchdog" end,
      }
      local input = require("luv").new_pipe(false)
      input:open(0)
      input:read_start(function(_, line)
        if line then print("done", table.remove(steps, 1)() ~= nil) end
      end)
      function started() print "up" end]]) }))
    line(it, "^up$")
    for i, call in ipairs { "cmap: get of key 'totem.version'", "cmap: get of key 'spec.watchdog'",
      "cmap: track of key 'spec.'", "cmap: each of key 'totem.'", "quorum: quorate",
      "cmap: delete of key 'spec.watchdog'" } do
      assert(cluster:pause(1))
      assert(it:write "\n")
      complaint(it, "warning: " .. call .. " has not returned for")
      assert(cluster:resume(1))
      assert(cluster:wait_for(function() return #it.lines == i + 1 end, 10))
      assert.equal("done\ttrue", it.lines[i + 1])
    end
    it:kill "sigterm"
    assert.same({ 0, 0 }, { it:wait(20) })
  end)
end)
