-- Options with relative paths, and a script that changes the working folder.
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local SCRIPT = [[
function message_received() end
function started() print "started" end
assert(require "luv".chdir "elsewhere")
]]

describe("a script that changes the working folder", function()
  after_each(program.clean)
  teardown(program.remove)

  local folder

  before_each(function()
    folder = program.file "here"
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    assert(uv.fs_mkdir(folder .. "/elsewhere", tonumber("700", 8)))
    program.file("here/script.lua", SCRIPT)
  end)

  after_each(function() os.execute("rm -rf " .. folder) end)

  local function names_in(path)
    local names, scan = {}, uv.fs_scandir(path)
    for name in function() return scan and uv.fs_scandir_next(scan) end do
      names[#names + 1] = name
    end
    table.sort(names)
    return names
  end

  -- Starts cpgrun in the folder.
  local function start(...)
    local it = program.start("sh", "-c", [[cd "$0" && exec cpgrun "$@" script.lua]], folder, ...)
    program.line(it, "^started")
    return it
  end

  local function stop(it)
    it:kill "sigterm"
    program.ended(it, 0)
  end

  it("moves none of the files that cpgrun writes", function()
    local it = start("--metrics-file", "shop.prom", "--trace", "shop.trace", "--socket", "none")
    assert(wait.until_true(function() -- while the metrics are written, a temporary file is there, too
      return table.concat(names_in(folder), " ") == "elsewhere script.lua shop.prom shop.trace"
    end, 60))
    stop(it)
    assert.same({ "elsewhere", "script.lua", "shop.trace" }, names_in(folder))
    assert.same({}, names_in(folder .. "/elsewhere"))
  end)

  it("leaves no socket behind", function()
    local it = start("--socket", "sockets", "--metrics", "unix:shop.sock")
    assert.equal(0, (program.run("cpgrun", "status", "--timeout", "60", "--socket", folder .. "/sockets")))
    stop(it)
    assert.same({ "elsewhere", "script.lua", "sockets" }, names_in(folder))
    assert.same({}, names_in(folder .. "/sockets"))
  end)

  it("keeps the state of replicas in the folder of --storage", function()
    assert(uv.fs_mkdir(folder .. "/states", tonumber("700", 8)))
    program.file("here/script.lua", SCRIPT .. "map 'stored'")
    local it = start("--storage", "states", "--socket", "none")
    stop(it)
    assert.equal(1, #names_in(folder .. "/states"))
  end)

  it("is reloaded from where cpgrun was started, with its modules", function()
    program.file("here/scripts.lua", "") -- of the same name as the folder
    assert(uv.fs_mkdir(folder .. "/scripts", tonumber("700", 8)))
    program.file("here/scripts/module.lua", "return 'one'")
    local text = [[
      assert(require "luv".chdir "elsewhere")
      print("%s", require "module", require "luv".cwd():match "[^/]*$")
      function config_change() end
      function after_reload() require "module" end]]
    local path = program.file("here/scripts/moved.lua", text:format "old")
    local it = program.start("sh", "-c", [[cd "$0" && exec cpgrun --watch --socket none scripts/moved.lua]], folder)
    program.line(it, "^old\tone\telsewhere$")
    program.complaint(it, "joined")
    program.file("here/scripts/module.lua", "return 'two'")
    program.line(it, "^old\ttwo\telsewhere$")
    program.file("here/scripts/moved.lua", "broken =")
    program.complaint(it, "was not reloaded: the running script goes on$")
    program.file("here/scripts/new.lua", text:format "new")
    assert(uv.fs_rename(folder .. "/scripts/new.lua", path))
    program.line(it, "^new\ttwo\telsewhere$")
    stop(it)
  end)

  it("keeps its folder when a reload fails", function()
    program.file("here/script.lua", SCRIPT .. [[
      require "luv".new_timer():start(10, 10, function() print("now in", require "luv".cwd():match "[^/]*$") end)]])
    local it = start("--socket", "none")
    program.file("here/script.lua", "error 'broken'")
    it:kill "sighup"
    program.complaint(it, "was not reloaded: the running script goes on$")
    local count = #it.lines
    wait.until_true(function() return #it.lines > count + 3 end, 60)
    assert.equal("now in\telsewhere", it.lines[#it.lines])
    stop(it)
  end)

  it("may be of --lab-script: scripts and the page of --lab-trace stay where cpgrun was started", function()
    program.file("here/faults.lua", [[
      assert(require "luv".chdir "elsewhere")
      wait_for(function() return #output(1) == 1 end, 60, "the script")
      kill_host(1)
      restart(1)
      wait_for(function() return #output(1) == 2 end, 60, "the script")
    ]])
    program.file("here/script.lua", "function message_received() end function started() print 'up' end")
    local it = program.start("sh", "-c",
      [[cd "$0" && exec cpgrun --lab 1 --lab-script faults.lua --lab-trace page.html script.lua]], folder)
    program.ended(it, 0)
    assert.same({ "elsewhere", "faults.lua", "page.html", "script.lua" }, names_in(folder))
  end)
end)
