local program = require "spec.helpers.program"

local cpgrun, run_script = program.cpgrun, program.run_script

local file, line = program.file, program.line

local NOTHING = "function config_change() end\n"

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("with a faulty script", function()
    it("reports it before it connects to Corosync", function()
      local code, _, errors = program.run("unshare", "-n", "cpgrun", "/nonexistent.lua")
      assert.equal(1, code)
      assert.matches("error: cannot open the script /nonexistent.lua: no such file or directory$", errors)
    end)

    it("suggests a command for a misspelt one", function()
      for wrong, meant in pairs { stauts = "status", chek = "check" } do
        local code, _, errors = program.run("unshare", "-n", "cpgrun", wrong)
        assert.equal(1, code)
        assert.matches(("cannot open the script %s: .*: did you mean '%s'%%?$"):format(wrong, meant), errors)
      end
    end)

    it("explains a method called as a function", function()
      local it = cpgrun("colons", NOTHING .. [[
        function started()
          print(select(2, pcall(group.send_message, "x")))
          print(select(2, pcall(cmap.get, "totem.version")))
        end]])
      line(it, "send_message is a method: call it with a colon, as group:send_message%(message%)$")
      line(it, "get is a method: call it with a colon, as cmap:get%(...%)$")
    end)

    it("reports a syntax error with file and line", function()
      local code, _, errors = run_script("broken", "x = 1\ny = = 2")
      assert.equal(1, code)
      assert.matches("error: .*/broken.lua:2: ", errors)
      assert.not_matches("joined", errors)
    end)

    it("exits with the traceback of an error", function()
      local code, _, errors = run_script("boom", NOTHING .. "local function deep() error 'boom' end\ndeep()")
      assert.equal(1, code)
      assert.matches("error: .*/boom.lua:2: boom\nstack traceback:\n", errors)
      assert.matches("boom.lua:2: in .*boom.lua:3: in main chunk", errors)
    end)

    it("exits with an error that is not a string", function()
      local code, _, errors = run_script("object", NOTHING .. "error {}")
      assert.equal(1, code)
      assert.matches("error: %(error object is a table value%)\nstack traceback:\n.*object.lua:2: in main", errors)
    end)

    it("lists the handlers to define when there are none", function()
      local code, _, errors = run_script("empty", "x = 1")
      assert.equal(1, code)
      assert.matches("empty.lua:1: .*config_change.*message_received", errors)
    end)

    it("names a handler that is not a function", function()
      local code, _, errors = run_script("number", NOTHING .. "message_received = 3")
      assert.equal(1, code)
      assert.matches("number.lua:1: 'message_received' is a number", errors)
    end)

  end)

  it("explains what to do without a daemon", function()
    local code, _, errors = program.run("unshare", "-n", "cpgrun", file("alone.lua", NOTHING))
    assert.equal(1, code)
    assert.matches("error: cannot reach Corosync's cpg service: Corosync is not running: start it.*; cpgrun %-%-lab 3",
      errors)
    assert.not_matches("traceback", errors)
  end)

  describe("group name", function()
    local TELL = NOTHING .. "function started() print(group.name) require('corosync').loop.stop() end\n"

    it("is the file's by default", function()
      local _, out = run_script("by.file", TELL)
      assert.equal("by.file", out)
    end)

    it("is set by group_name", function()
      local _, out = run_script("by_file", "group_name = 'by_global'\n" .. TELL)
      assert.equal("by_global", out)
    end)

    it("is set by --group, which overrides both", function()
      local _, out = run_script("by_file", "group_name = 'by_global'\n" .. TELL, "--group", "by_option")
      assert.equal("by_option", out)
    end)
  end)
end)
