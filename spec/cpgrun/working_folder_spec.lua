-- Options with relative paths, and a script that changes the working folder.
local program = require "spec.helpers.program"
local uv = require "luv"

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
    assert.same({ "elsewhere", "script.lua", "shop.prom", "shop.trace" }, names_in(folder))
    stop(it)
    assert.same({ "elsewhere", "script.lua", "shop.trace" }, names_in(folder))
    assert.same({}, names_in(folder .. "/elsewhere"))
  end)

  it("leaves no socket behind", function()
    local it = start("--socket", "sockets", "--metrics", "unix:shop.sock")
    assert.equal(0, (program.run("cpgrun", "status", "--socket", folder .. "/sockets")))
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
end)
