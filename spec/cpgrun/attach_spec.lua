local program = require "spec.helpers.program"
local uv = require "luv"

local cpgrun, line, run, start = program.cpgrun, program.line, program.run, program.start

describe("cpgrun attach", function()
  after_each(program.clean)
  teardown(program.remove)

  local count = 0

  -- A script that has started, and its arguments for cpgrun attach.
  local function script(...)
    count = count + 1
    local folder = program.file(("attached%d"):format(count))
    local it = cpgrun("shop", [[
      stock = { tea = 3 }
      function message_received(_, message) print("got " .. message) end
      function fail() error "no tea" end
      function started() print "started" end]], "--socket", folder, ...)
    line(it, "^started")
    return it, { "cpgrun", "attach", "--socket", folder }
  end

  -- The exit status, standard output and standard error of a text.
  local function evaluate(attach, text)
    local argv = { (table.unpack or unpack)(attach) } -- luacheck: ignore 113
    argv[#argv + 1], argv[#argv + 2] = "-e", text
    return run((table.unpack or unpack)(argv)) -- luacheck: ignore 113
  end

  local function outcome(attach, text)
    local code, out = evaluate(attach, text)
    return { code, out }
  end

  it("evaluates expressions and statements among the script's globals", function()
    local it, attach = script()
    assert.same({ 0, "3\tnil\tx" }, outcome(attach, "stock.tea, nil, 'x'"))
    assert.same({ 0, "" }, outcome(attach, "stock.tea = 4; local unused = 1"))
    assert.same({ 0, '{"tea":4}' }, outcome(attach, "=stock"))
    assert.same({ 0, '{"true":{"x":1}}' }, outcome(attach, "{ [true] = { x = 1 } }"))
    assert.equal(0, (evaluate(attach, "_G")))
    assert.same({ 0, ("[%d]"):format(it.pid) }, outcome(attach, "{ group:members()[1].pid }"))
    assert.same({ 0, "true" }, outcome(attach, "group:send_message 'hello'"))
    line(it, "^got hello")
  end)

  it("prints to the client, and later to the script's output", function()
    local it, attach = script()
    assert.same({ 0, "a\t1" }, outcome(attach, "print('a', 1) after(0.1, function() print 'later' end)"))
    line(it, "^later")
  end)

  it("shows errors with the script's lines, and fails", function()
    local _, attach = script()
    local code, out, errors = evaluate(attach, "fail()")
    assert.same({ 1, "" }, { code, out })
    assert.matches("shop%.lua:3: no tea\nstack traceback:\n", errors)
    assert.is_nil(errors:find("evaluation.lua", 1, true))
    code, _, errors = evaluate(attach, "x x")
    assert.equal(1, code)
    assert.matches("^attach:1: ", errors)
    code, _, errors = evaluate(attach, "os.exit(0)")
    assert.equal(1, code)
    assert.matches("os.exit would end the script, not the prompt", errors)
    assert.equal(0, (evaluate(attach, "os.time()")))
  end)

  it("waits as handlers do", function()
    local _, attach = script()
    assert.same({ 0, "7" }, outcome(attach, "sleep(0.05) return 7"))
    local code, out = evaluate(attach, [[
      map "m":set("k", 5)
      local held = lock "l":acquire()
      return map "m":get "k", held.token > 0]])
    assert.same({ 0, "5\ttrue" }, { code, out })
  end)

  it("stops code that runs too long, and the script continues, also with --memory-limit #slow", function()
    local it, attach = script("--memory-limit", "64M")
    local code, _, errors = evaluate(attach, "while true do pcall(error) end")
    assert.equal(1, code)
    assert.matches("stopped because it has run for more than 5 s", errors)
    assert.equal(0, (evaluate(attach, "group:send_message 'still here'")))
    line(it, "^got still here")
  end)

  it("stops code that runs too long after a wait #slow", function()
    if _VERSION == "Lua 5.1" and not jit then
      pending "in Lua 5.1 such an error goes to the script's log"
      return
    end
    local it, attach = script()
    local code, _, errors = evaluate(attach, "sleep(0.01) while true do pcall(string.rep, 'x', 2e7) end")
    assert.equal(1, code)
    assert.matches("stopped because it has run for more than 5 s", errors)
    assert.equal(0, (evaluate(attach, "group:send_message 'still here'")))
    line(it, "^got still here")
  end)

  it("stops it after the time of --handler-timeout", function()
    local it, attach = script("--handler-timeout", "0.2")
    local code, _, errors = evaluate(attach, "while true do end")
    assert.equal(1, code)
    assert.matches("stopped because it has run for more than 0%.2 s %(%-%-handler%-timeout%)", errors)
    assert.equal(0, (evaluate(attach, "group:send_message 'still here'")))
    line(it, "^got still here")
  end)

  it("refuses a text the memory beyond --memory-limit", function()
    local it, attach = script("--memory-limit", "64M")
    local code, _, errors = evaluate(attach, "local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end")
    assert.equal(1, code)
    assert.matches("not enough memory", errors)
    assert.equal(0, (evaluate(attach, "group:send_message 'still here'")))
    line(it, "^got still here")
  end)

  it("ends code that waits while the script is reloaded", function()
    local it, attach = script()
    local client = start(attach[1], attach[2], attach[3], attach[4], "-e", "print 'waits' sleep(60)")
    line(client, "^waits$")
    it:kill "sighup"
    program.complaint(client, "^the script was reloaded while this code waited$")
    program.ended(client, 1)
    assert.same({ 0, "3" }, outcome(attach, "stock.tea"))
  end)

  it("completes names without calling the script", function()
    local complete = require "cpgrun.socket.completion"
    local calls, class = 0, { apply = 1 }
    function class.__index() calls = calls + 1 end
    _G.completed = setmetatable({ thing = setmetatable({ apple = 1 }, { __index = class }) }, class)
    finally(function() _G.completed = nil end)
    assert.same({ "completed.thing.apple", "completed.thing.apply" }, complete "completed.thing.ap")
    assert.same({ {}, 0 }, { complete "completed.missing.ap", calls })
  end)

  it("evaluates standard input as a whole", function()
    local _, attach = script()
    local it = start((table.unpack or unpack)(attach)) -- luacheck: ignore 113
    assert(it:write "local tea = stock.tea\nfor i = 1, 2 do\n  print(i)\nend\nreturn tea\n")
    it:close_stdin()
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.same({ "1", "2", "3" }, it.lines)
  end)

  it("has a prompt with completion, history and statements of several lines", function()
    local _, attach = script()
    local home = program.file(("home%d"):format(count))
    assert(uv.fs_mkdir(home, tonumber("700", 8)))
    local it = start("env", "TERM=dumb", "HOME=" .. home, "script", "-qefc", table.concat(attach, " "), "/dev/null")
    assert(it:write "1 + 1\n")
    line(it, "^2\r?$")
    assert(it:write "for i = 6, 7 do\nprint('line', i)\nend\n")
    line(it, "^line\t7\r?$")
    assert(it:write "sto\t.te\t + 100\n")
    line(it, "^103\r?$")
    assert(it:write "fail()\n")
    line(it, "shop%.lua:3: no tea")
    assert(it:write "exit\n")
    assert.same({ 0, 0 }, { it:wait(60) })
    local history = home .. "/.cpgrun_history"
    assert.equal(tonumber("600", 8), uv.fs_stat(history).mode % 512)
    assert.matches("^1 %+ 1\n", assert(io.open(history)):read "*a")
  end)

  it("cuts off endless output", function()
    local _, attach = script()
    local code, out = evaluate(attach, "for _ = 1, 3000 do print(('x'):rep(999)) end")
    assert.equal(0, code)
    assert.matches("\n%(output cut off here%)$", out)
  end)

  it("finds a script by the name of its group, and requires a name if several are running", function()
    local _, attach = script("--group", "a group")
    local folder = attach[4]
    assert.equal(0, (run("cpgrun", "attach", "--socket", folder, "-e", "1", "a group")))
    local other = cpgrun("other", "function message_received() end function started() print 'started' end", "--socket",
      folder)
    line(other, "^started")
    local code, _, errors = run("cpgrun", "attach", "--socket", folder, "-e", "1")
    assert.equal(1, code)
    assert.matches("several scripts are running: give the name or process id of one: other %(pid %d+%), shop %(pid",
      errors)
    code, _, errors = run("cpgrun", "attach", "--socket", folder, "-e", "1", "third")
    assert.equal(1, code)
    assert.matches("no running script has the name or process id 'third'", errors)
  end)
end)
