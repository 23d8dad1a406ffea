local program = require "spec.helpers.program"

local cpgrun, run_script = program.cpgrun, program.run_script

local line, complaint = program.line, program.complaint

local NOTHING = "function config_change() end\n"

describe("cpgrun's log", function()
  after_each(program.clean)
  teardown(program.remove)

  it("contains errors with tracebacks, and cpgrun continues", function()
    local code, out, errors = run_script("errors", [[
      local uv, sent = require "luv", 0
      function config_change() error "in config_change" end
      function started()
        assert(group:send_message "x")
        error "in started"
      end
      function message_received()
        uv.new_timer():start(1, 0, function() error "in a timer" end)
        uv.new_timer():start(30, 0, function() require("corosync").loop.stop() end)
        print "received"
        error {}
      end
      function stopping() error "in stopping" end]])
    assert.equal(0, code)
    assert.equal("received", out)
    for where, number in pairs { config_change = 2, started = 5, ["a timer"] = 8, stopping = 13 } do
      assert.matches(("error: [^\n]*errors.lua:%d: in %s\nstack traceback:\n"):format(number, where), errors)
    end
    assert.matches("error: [^\n]*table[^\n]*\nstack traceback:[^:]*\n.-errors.lua:11: in", errors)
  end)

  it("contains errors in luv's threads and thread pool, and cpgrun continues", function()
    local it = cpgrun("threads", NOTHING .. [[
      local uv = require "luv"
      function started()
        uv.new_work(function(where) error("in the " .. where) end, function() print "after" end):queue "pool"
        thread = uv.new_thread(function(where) error("in the " .. where) end, "thread")
        object = uv.new_thread(function() require("corosync.binding") error {} end)
      end]])
    line(it, "^after$")
    for _, pattern in ipairs { "[^\n]*in the pool", "[^\n]*in the thread", "%(error object is a table value%)" } do
      complaint(it, "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d error: " .. pattern .. "$")
    end
    it:kill "sigterm"
    assert.same({ 0, 0 }, { it:wait(10) })
  end)

  it("counts repeated errors and shows only the script's part of tracebacks", function()
    local code, _, errors = run_script("again", NOTHING .. [[
      local count = 0
      local function deep() error "tick" end
      function started()
        require("luv").new_timer():start(0, 1, function()
          count = count + 1
          if count == 500 then require("corosync").loop.stop() end
          deep()
        end)
      end]])
    assert.equal(0, code)
    assert.equal(1, select(2, errors:gsub("stack traceback:", "")))
    assert.matches("error: [^\n]*again.lua:3: tick\nstack traceback:\n\t[^\n]*again.lua:3: in [^\n]*\n"
      .. "\t[^\n]*again.lua:8: in [^\n]*\n%d", errors)
    local again = 0
    for times in errors:gmatch "error: same error again, (%d+) times?: [^\n]*again.lua:3: tick" do
      again = again + tonumber(times)
    end
    assert.equal(499, again)
  end)

  it("contains whole tracebacks at level debug", function()
    local _, _, errors = run_script("whole", NOTHING
      .. "function started() require('corosync').loop.stop() error 'x' end", "--log-level", "debug")
    assert.matches("cpgrun/host.lua:%d+: in", errors)
  end)

  describe("on stderr", function()
    local STOP = NOTHING .. "function started() require('corosync').loop.stop() error 'x' end"

    it("has time and level", function()
      local _, _, errors = run_script("levels", STOP)
      assert.matches("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d info: joined group 'levels' as 1:%d+\n", errors)
    end)

    it("is filtered by level", function()
      for _, level in ipairs { "error", "warning" } do
        local _, _, errors = run_script("levels", STOP, "--log-level", level)
        assert.matches("error: ", errors)
        assert.not_matches("info: ", errors)
      end
      local _, _, errors = run_script("levels", STOP, "--log-level", "debug")
      assert.matches("info: ", errors)
    end)
  end)
end)
