-- Several scripts below one cpgrun.
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local complaint, file, line = program.complaint, program.file, program.line

describe("cpgrun --also", function()
  after_each(program.clean)
  teardown(program.remove)

  local TEXT = [[
    function config_change() end
    function started() print("%s up", group.name, #arg, arg[1]) end
    function stopping() print "%s stops" end
    function after_reload() print "%s reloaded" end]]

  local function script(name, before)
    return file(name .. ".lua", (before or "") .. TEXT:gsub("%%s", name))
  end

  local function start(...)
    local it = program.start("cpgrun", ...)
    line(it, "^one up\talso%-one\t1\targument$")
    line(it, "^two up\ttwo\t0\tnil$")
    return it
  end

  local function both(it, pattern)
    line(it, "^one " .. pattern)
    line(it, "^two " .. pattern)
  end

  local GROUP = "group_name = 'also-one' "

  it("runs each script in its own group, reloads all at SIGHUP and stops all at SIGTERM", function()
    local it = start("--also", script "two", script("one", GROUP), "argument")
    complaint(it, "info: one: joined group 'also%-one'")
    complaint(it, "info: two: joined group 'two'")
    it:kill "sighup"
    both(it, "reloaded$")
    it:kill "sigterm"
    program.ended(it, 0)
    both(it, "stops$")
  end)

  it("goes on with the others when one fails, loops or is killed, and ends with the status of the first", function()
    local path = script("two", [[
      require("luv").new_signal():start("sigusr1", function() os.exit(7) end)
      local kept = io.open(arg[0] .. ".pid", "w")
      kept:write(require("luv").os_getpid(), "\n")
      kept:close() ]])
    local it = start("--also=" .. path, script("one", GROUP), "argument")
    local kept = assert(io.open(path .. ".pid"))
    uv.kill(kept:read "*n", "sigusr1")
    kept:close()
    complaint(it, "error: the script 'two' has ended with status 7; the others go on$")
    it:kill "sighup"
    line(it, "^one reloaded$")
    it:kill "sigterm"
    program.ended(it, 7)
    line(it, "^one stops$")
  end)

  it("runs one script twice, and stops both", function()
    local path = script "twin"
    local it = program.start("cpgrun", "--also", path, path)
    for _ = 1, 2 do
      line(it, "^twin up")
      table.remove(it.lines, 1)
    end
    it:kill "sigterm"
    program.ended(it, 0)
    assert.same({ "twin stops", "twin stops" }, it.lines)
  end)

  describe("while a script takes long to stop", function()
    local LONG = [[
      function config_change() end
      function started() print("up", require("luv").os_getpid()) end
      function stopping()
        print "stops"
        while not io.open(arg[0] .. ".go") do end
        print "stopped"
      end]]

    local function start_long(name)
      local it = program.start("cpgrun", "--also", script("two", ""), file(name .. ".lua", LONG))
      line(it, "^two up")
      return it, tonumber(line(it, "^up\t(%d+)"))
    end

    it("lets it stop although a service manager signals all processes", function()
      local it, pid = start_long "slow"
      uv.kill(pid, "sigterm")
      line(it, "^stops$")
      it:kill "sigterm"
      line(it, "^two stops$")
      uv.kill(pid, "sigterm")
      file("slow.lua.go", "")
      program.ended(it, 0)
      line(it, "^stopped$")
    end)

    it("kills all scripts at a second signal", function()
      local it, pid = start_long "stuck"
      it:kill "sigint"
      line(it, "^stops$")
      it:kill "sigterm"
      program.ended(it, 143)
      assert.is_nil(uv.kill(pid, 0))
    end)
  end)

  it("leaves no script behind when it is killed", function()
    local it = start("--also", script "two", script("one", GROUP), "argument")
    it:kill "sigkill"
    local function have_stopped() -- after it has ended
      local text = table.concat(it.lines, "\n")
      return text:find "one stops" and text:find "two stops"
    end
    assert(wait.until_true(have_stopped, 60))
  end)

  it("refuses one group for all, a lab, and one trace", function()
    for _, option in ipairs { "--group=one", "--lab=1", "--trace=t" } do
      local code, _, errors = program.run("cpgrun", option, "--also", "a.lua", "b.lua")
      assert.equal(1, code)
      assert.matches("%-%-also and " .. option:match "^[^=]+":gsub("%-", "%%-") .. " exclude each other", errors)
    end
  end)
end)
