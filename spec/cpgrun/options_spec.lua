local program = require "spec.helpers.program"

local file = program.file

local NOTHING = "function config_change() end\n"

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("command line", function()
    it("prints the versions", function()
      local code, out = program.run("cpgrun", "--version")
      assert.equal(0, code)
      local lua = jit and "LuaJIT 2" or _VERSION
      assert.matches("^cpgrun %d+%.%d+%.%d+\n" .. lua .. "[^\n]*\nCorosync %d+%.%d+", out)
    end)

    local function options(text)
      local found = {}
      for option in text:gmatch "%-%-[%a-]+" do
        found[option] = true
      end
      return found
    end

    local function options_in_help(...)
      local words = { ... }
      words[#words + 1] = "--help"
      local code, help = program.run("cpgrun", (table.unpack or unpack)(words))
      assert.equal(0, code)
      return options(help)
    end

    local function man_page()
      local handle = assert(io.open "docs/cpgrun.1")
      local page = handle:read "*a":gsub("\\%-", "-")
      handle:close()
      return page
    end

    it("has the same options in --help and in the man page", function()
      local help = options_in_help()
      assert.is_true(help["--lab-script"])
      assert.same(help, options(man_page():match "\n%.SH OPTIONS\n(.-)\n%.SH "))
    end)

    it("has the options of cpgrun check in the man page", function()
      local help = options_in_help "check"
      help["--help"] = nil
      assert.same(help, options(man_page():match "\n%.SH CHECK\n(.-)\n%.SH "))
    end)

    for what, words in pairs {
      ["a missing script"] = {}, ["an unknown option"] = { "--nonsense", "x.lua" },
      ["an option without value"] = { "--group" }, ["an unknown level"] = { "--log-level", "loud", "x.lua" },
      ["a lab's script without a lab"] = { "--lab-script", "x.lua", "y.lua" },
      ["a check on a lab"] = { "--check", "--lab", "2", "x.lua" }, ["an empty name"] = { "-g", "", "x.lua" },
      ["a long name"] = { "-g", ("x"):rep(129), "x.lua" },
    } do
      it("rejects " .. what, function()
        local code, _, errors = program.run("cpgrun", (table.unpack or unpack)(words))
        assert.not_equal(0, code)
        assert.matches("^Usage: cpgrun", errors)
        assert.matches("\nError: ", errors)
      end)
    end

    it("warns about its own options after the script", function()
      local path = file("behind.lua", NOTHING)
      local code, _, errors = program.run("cpgrun", "--check", path, "--lab=3", "--mine", "-g")
      assert.equal(0, code)
      assert.matches("warning: %-%-lab comes after the script", errors)
      assert.equal(1, select(2, errors:gsub("comes after", "")))
    end)

    it("finds the script's modules beside it", function()
      file("beside_it.lua", "return 'found'")
      local path = file("main.lua", NOTHING .. "print(require 'beside_it')")
      local code, out = program.run("cpgrun", "--check", path)
      assert.equal(0, code)
      assert.matches("^found", out)
    end)

    it("passes later arguments to the script", function()
      local path = file("words.lua", NOTHING .. "print(#arg, arg[1], arg[2], arg[3], arg[4], ...)")
      local code, out = program.run("cpgrun", "--check", path, "--check", "-g", "--", "--help")
      assert.equal(0, code)
      assert.matches("^4\t%-%-check\t%-g\t%-%-\t%-%-help\t%-%-check\t%-g\t%-%-\t%-%-help\n", out)
    end)
  end)

  describe("--check", function()
    local function check(text)
      return program.run("unshare", "-n", "cpgrun", "--check", file("checked.lua", text))
    end

    it("accepts a valid script without a daemon", function()
      local code, out = check(NOTHING .. "assert(group:send_message 'x') assert(group:address().pid > 0)")
      assert.equal(0, code)
      assert.matches("checked.lua would run in group 'checked'$", out)
    end)

    it("accepts a script with more groups", function()
      assert.equal(0, (check(NOTHING .. [[
        local corosync = require "corosync"
        local other = corosync.group("other", {})
        assert(corosync.loop.add(other))
        assert(other:send_message "x")]])))
    end)

    it("accepts a script that only follows views and uses the cluster while it loads", function()
      local code, out, errors = check [[
        function view_change() end
        assert(cmap:set("spec.checked", 1, "u8") and cmap:delete "spec.checked")
        assert(cmap:increment "spec.checked" and cmap:decrement "spec.checked")
        local tracker = cmap:track("spec.", function() error "called" end)
        assert(tracker:cancel())
        for _ in cmap:each "totem." do error "no key is there" end
        print(select(3, cmap:get "totem.version"), quorum:quorate(), group:is_quorate(), select(3, group:view())) ]]
      assert.equal(0, code, errors)
      assert.matches("^not_exist\ttrue\ttrue\ttry_again\n.*would run in group 'checked'$", out)
    end)

    it("reports functions that look like misspelt handlers", function()
      local code, _, errors = check(NOTHING .. [[
        function message_recieved() end
        function Started() end
        function view_changes() end
        function stop() end]])
      assert.equal(0, code)
      local told = "warning: the script defines %s, which is never called: did you mean %s%%?"
      assert.matches(told:format("message_recieved", "message_received"), errors)
      assert.matches(told:format("Started", "started"), errors)
      assert.matches(told:format("view_changes", "view_change"), errors)
      assert.equal(3, select(2, errors:gsub("did you mean", "")))
    end)

    for what, text in pairs {
      ["a syntax error"] = "x = = 1", ["an error"] = "function config_change() end error 'x'", ["no handler"] = "x = 1",
      ["a handler that is no function"] = NOTHING .. "started = 3", ["a view_change that is none"] = "view_change = {}",
      ["a quorum_change that is none"] = NOTHING .. "quorum_change = 3", ["a bad name"] = NOTHING .. "group_name = ''",
    } do
      it("rejects " .. what, function()
        local code, _, errors = check(text)
        assert.equal(1, code)
        assert.matches("error: .*checked.lua:1: ", errors)
      end)
    end
  end)

  it("check stores its histories in TMPDIR, and reports when it cannot", function()
    local code, _, errors = program.run("env", "TMPDIR=/nonexistent", "cpgrun", "check", "examples/chat.lua")
    assert.equal(2, code)
    assert.matches("error: cannot make a folder for the histories in /nonexistent: ENOENT: no such file or directory; "
      .. "set TMPDIR to a writable folder$", errors)
  end)
end)
