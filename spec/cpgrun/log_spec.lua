local dkjson = require "dkjson"
local program = require "spec.helpers.program"
local uv = require "luv"

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
    assert.same({ 0, 0 }, { it:wait(60) })
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

  local MANY = NOTHING .. [[
    function started()
      log.info "one\ntwo"
      for _ = 1, 1000 do log.warn "full" end
      for i = 1, 300 do log.error("number %d", i) end
      for _ = 1, 3 do log.info "tick" end
      require("corosync").loop.stop()
      error '"a\255\n'
    end]]

  -- How often lines with the text are there.
  local function times(errors, text)
    return select(2, (errors .. "\n"):gsub(text .. "\n", ""))
  end

  it("does not keep long lines in memory", function()
    local _, out = run_script("long", NOTHING .. [[
      function started()
        for i = 1, 200 do log.error(i .. ("x"):rep(100000)) end
        collectgarbage()
        print(collectgarbage "count" < 10000)
        require("corosync").loop.stop()
      end]])
    assert.equal("true", out)
  end)

  it("counts repeats of warnings and errors, and logs all different lines and all of level info", function()
    local code, _, errors = run_script("many", MANY)
    assert.equal(0, code)
    assert.equal(1, times(errors, "warning: full"))
    assert.equal(1, times(errors, "warning: same warning again, 999 times: full"))
    assert.equal(300, times(errors, "error: number %d+"))
    assert.equal(3, times(errors, "info: tick"))
  end)

  describe("in another format", function()
    it("is one JSON object per line", function()
      local code, _, errors = run_script("many", MANY, "--group", "sp\200ec", "--log-format", "json")
      assert.equal(0, code)
      local all = {}
      for each in errors:gmatch "[^\n]+" do
        local object = assert(dkjson.decode(each), each)
        assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", object.time)
        assert.same({ "many", "sp\\200ec" }, { object.script, object.group })
        all[object.level .. " " .. object.message] = object
      end
      assert.truthy(all["info one\ntwo"])
      assert.truthy(all["warning same warning again, 999 times: full"])
      local name, raised = next(all)
      while not name:find "^error .*\"a" do
        name, raised = next(all, name)
      end
      assert.matches("many.lua:8: \"a\\255\n$", raised.message)
      assert.matches("^\t[^\n]*many.lua:8: in [^\n]*$", raised.traceback)
    end)

    it("has the priority of each line for systemd's journal, and no time", function()
      local _, _, errors = run_script("many", MANY, "--log-format=journal")
      assert.matches("^<6>joined group 'many' as 1:%d+\n<6>one\n<6>two\n<4>full\n<3>number 1\n", errors)
      assert.matches("\n<3>stack traceback:\n<3>\t", errors)
    end)

    it("is for the journal when stderr is the stream in JOURNAL_STREAM", function()
      local path = program.file("journal.log", "")
      local stat = assert(uv.fs_stat(path))
      for stream, pattern in pairs { [("%d:%d"):format(stat.dev, stat.ino)] = "^<6>joined", ["1:1"] = "^%d+%-" } do
        local script = program.file("stream.lua", NOTHING .. "function started() require('corosync').loop.stop() end")
        assert.equal(0, (program.run("sh", "-c", 'JOURNAL_STREAM=$0 exec cpgrun "$2" 2>"$1"', stream, path, script)))
        local file = assert(io.open(path))
        assert.matches(pattern, file:read "*a")
        file:close()
      end
    end)

    it("applies to errors in luv's threads, too", function()
      local _, _, errors = run_script("thread", NOTHING .. [[
        local uv = require "luv"
        function started()
          thread = uv.new_thread(function() error "in the thread" end)
          thread:join()
          require("corosync").loop.stop()
        end]], "--log-format", "json")
      assert.matches('"level":"error",[^\n]*"message":"[^\n]*in the thread"', errors)
    end)
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
