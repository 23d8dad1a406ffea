-- --config, --init and --completion.
local program = require "spec.helpers.program"
local tools = require "corosync.lab.tools"
local uv = require "luv"

local file = program.file

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("--config", function()
    local function script()
      return file("configured.lua", "function config_change() end print(#arg, arg[1], arg[2])")
    end

    local function run(text, ...)
      return program.run("cpgrun", "--config", file("some.conf", text), ...)
    end

    it("reads options, the script and its arguments", function()
      local code, out, errors = run(([[
        -- a comment
        script = "%s"
        arguments = { "a", "--group" }
        group, check, pack, watchdog, reader_limit = "conf", true, false, 2, "1M"]]):format(script()))
      assert.equal(0, code, errors)
      assert.matches("^2\ta\t%-%-group\n.* would run in group 'conf'$", out)
    end)

    it("gives way to the command line", function()
      for _, words in ipairs { { "-g", "line" }, { "-gline" }, { "--group=line" } } do
        words[#words + 1], words[#words + 2], words[#words + 3] = "--check", script(), "mine"
        local code, out, errors = run('group = "conf" script = "other.lua" arguments = { "theirs" }',
          (table.unpack or unpack)(words)) -- luacheck: globals unpack
        assert.equal(0, code, errors)
        assert.matches("^1\tmine\tnil\n.* would run in group 'line'$", out)
      end
    end)

    for text, problem in pairs {
      ['grup = "x"'] = "some.conf: there is no option 'grup': did you mean 'group'%?$",
      ['help = true'] = "some.conf: there is no option 'help'$",
      ['watchdog = "soon"'] = "some.conf: %-%-watchdog takes a number of seconds, at least 0.001, not 'soon'$",
      ['log_level = "loud"'] = "some.conf: argument for option '%-%-log%-level' must be one of .*$",
      ['group = true'] = "some.conf: 'group' must be a string or number, not a boolean$",
      ['pack = 1'] = "some.conf: 'pack' must be a boolean, not a number$",
      ['also = { 1 }'] = "some.conf: 'also' must be a list of strings, not a table$",
      ['arguments = { mode = "x" }'] = "some.conf: 'arguments' must be a list of strings, not a table$",
      ['group = os.getenv "HOME"'] = "some.conf:1: .*%(the file may only assign values%)$",
      ['group = = 1'] = "some.conf:1: unexpected symbol",
      ['\27Lua'] = "some.conf: it is compiled Lua, and must be text$",
    } do
      it("refuses " .. (text:byte() == 27 and "compiled Lua" or text), function()
        local code, out, errors = run(text, "--check", script())
        assert.same({ 1, "" }, { code, out })
        assert.matches(" error: [^\n]*" .. problem, errors)
        assert.not_matches("\n", errors)
      end)
    end
  end)

  it("--init writes a script that would run, its configuration and a unit, and overwrites nothing", function()
    local folder = file "fresh"
    assert(uv.fs_mkdir(folder, tonumber("755", 8)))
    local function run(command)
      return program.run("sh", "-c", ("cd %s && %s"):format(folder, command))
    end
    assert.equal(0, (run "cpgrun --init shop"))
    assert.same({ 0, "./shop.lua would run in group 'shop'", "" },
      { run "cpgrun --config shop.conf --check ./shop.lua" })
    for command, problem in pairs {
      ["rm -f shop.lua && cpgrun --init shop"] = "shop.conf exists already, so nothing was written$",
      ["rm -f shop.lua && cpgrun --init shop.lua"] = "shop.conf exists already, so nothing was written$",
      ["cpgrun --init ../shop"] = "%-%-init takes a name of letters",
    } do
      local code, out, errors = run(command)
      assert.same({ 1, "" }, { code, out })
      assert.matches(problem, errors)
    end
    assert.is_nil((uv.fs_stat(folder .. "/shop.lua")))
    local verify = tools.find "systemd-analyze"
    if verify then
      assert.same({ 0, "", "" }, { run(verify .. " verify ./shop.service") })
    end
  end)

  it("--completion prints what bash and zsh can read", function()
    for _, shell in ipairs { "bash", "zsh" } do
      local code, out = program.run("cpgrun", "--completion", shell)
      assert.equal(0, code)
      assert.matches("%-%-handler%-timeout", out)
      local path = tools.find(shell)
      if path then
        assert.same({ 0, "", "" }, { program.run(path, "-n", file("completion", out)) })
      end
    end
  end)

  it("--completion offers commands, and after one its own options", function()
    local path = tools.find "bash"
    if not path then
      return pending "bash is missing"
    end
    local _, out = program.run("cpgrun", "--completion", "bash")
    local source = file("completion", out)
    for words, expected in pairs {
      ["mem"] = "members",
      ["members --"] = "--help --json",
      ["check --se"] = "--seed --seconds",
      ["--mem"] = "--memory-limit",
      ["--log-level w"] = "warning",
    } do
      local command = ('source %s; COMP_WORDS=(cpgrun %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _cpgrun; '
        .. 'echo "${COMPREPLY[*]}"'):format(source, words)
      assert.same({ 0, expected, "" }, { program.run(path, "-c", command) })
    end
  end)

  it("suggests an option for a misspelt one", function()
    local code, _, errors = program.run("cpgrun", "--wach", "x.lua")
    assert.equal(1, code)
    assert.matches("unknown option '%-%-wach'\nDid you mean '%-%-watch'%?$", errors)
  end)
end)
