-- The Lua half and the C half refuse to work together unless they are of one version, which all files name alike.
local files = require "spec.helpers.files"
local program = require "spec.helpers.program"
local uv = require "luv"

local TREE = os.getenv "LUA_VERSION"
local ABI = os.getenv "LUA_ABI" or TREE
local INTERPRETER = os.getenv("LUA"):match "%S+$"
local OTHER = "9.9.9"

-- Requires each module anew in a new process and prints the errors.
local PROGRAM = [[
  for name in ("corosync corosync.cpg corosync.cmap corosync.quorum corosync.votequorum corosync.cfg corosync.group "
    .. "corosync.cluster"):gmatch "%S+" do
    for loaded in pairs(package.loaded) do
      if loaded:find "^corosync" then package.loaded[loaded] = nil end
    end
    local ok, problem = pcall(require, name)
    print(name, ok or problem)
  end]]

local VERSION = assert(files.read("lua/corosync/binding.lua"):match '\nlocal VERSION = "(%d+%.%d+%.%d+)"')

local function outcomes(before)
  local code, out, errors = program.run(INTERPRETER, "-e", before .. PROGRAM)
  assert.equal(0, code, errors)
  local by_name, count = {}, 0
  for name, outcome in out:gmatch "(%S+)\t([^\n]+)" do
    by_name[name], count = outcome, count + 1
  end
  assert.equal(8, count, out)
  return by_name
end

local function message(version, place)
  local folder = ("%s/build/%s/share/lua/%s/corosync/"):format(uv.cwd(), TREE, ABI)
  return ("lua-corosync %s (Lua files in %s) found the C half %s in %s: install both from one version"):format(
    VERSION, folder, version, place)
end

local function all_refuse(before, expected)
  for name, outcome in pairs(outcomes(before)) do
    assert.equal(expected, outcome, name)
  end
end

local function preload(core)
  return ("package.preload['corosync.core'] = function() return %s end\n"):format(core)
end

describe("the version check of each Lua module", function()
  after_each(program.clean)

  it("passes beside a C half of its own version", function()
    for name, outcome in pairs(outcomes "") do
      assert.equal("true", outcome, name)
    end
  end)

  it("rejects a C half of another version, naming both", function()
    all_refuse(preload(("{ _VERSION = %q }"):format(OTHER)), message(OTHER, "this program"))
    all_refuse(preload "{}", message("nil", "this program"))
  end)

  it("rejects a C half built as another version, naming its file #once", function()
    finally(program.remove)
    local build = program.file(".") .. "/other"
    local core = ("%s/lib/lua/%s/corosync/core.so"):format(build, ABI)
    local make = program.start("env", "-u", "MAKEFLAGS", "make", "-j2", "LUA_VERSION=" .. TREE, "VERSION=" .. OTHER,
      "BUILD=" .. build, "CFLAGS=-O0", core)
    assert.equal(0, make:wait(600), table.concat(make.errors, "\n"))
    all_refuse(("package.cpath = %q .. package.cpath\n"):format(core:gsub("corosync/core", "?") .. ";"),
      message(OTHER, core))
  end)
end)

describe("the project's version", function()
  it("is the same in all files", function()
    assert.equal(VERSION, require("corosync.core")._VERSION)
    assert.equal(VERSION, require("corosync")._VERSION)
    assert.equal(VERSION, files.read("CHANGELOG.md"):match "\n## (%S-),? ")
    for _, page in ipairs { "cpgrun.1", "cpgrun.conf.5", "lua-corosync.3" } do
      assert.equal(VERSION, files.read("docs/" .. page):match '"lua%-corosync (%S+)"')
    end
    local names = {}
    for name in files.read("README.md"):gmatch "rockspec/(%S+)" do names[#names + 1] = name end
    assert.same({ ("lua-corosync-%s-1.rockspec"):format(VERSION), ("cpgrun-%s-1.rockspec"):format(VERSION) }, names)
    names[3] = ("lua-resty-corosync-%s-1.rockspec"):format(VERSION)
    for _, name in ipairs(names) do
      local rockspec = files.read("rockspec/" .. name)
      assert.equal(VERSION .. "-1", rockspec:match '\nversion = "(.-)"', name)
      assert.equal("v" .. VERSION, rockspec:match '\n  tag = "(.-)"', name)
    end
    for i = 2, 3 do
      assert.equal(VERSION, files.read("rockspec/" .. names[i]):match '"lua%-corosync == (.-)"')
    end
    assert.equal(VERSION, files.read("dist.ini"):match "\nversion = (%S+)")
  end)

  it("is checked wherever the C half is loaded", function()
    local directory = assert(uv.fs_scandir "lua/corosync")
    local loading = {}
    for name, kind in function() return uv.fs_scandir_next(directory) end do
      if kind == "file" and files.read("lua/corosync/" .. name):find("corosync.core", 1, true) then
        loading[#loading + 1] = name
      end
    end
    assert.same({ "binding.lua" }, loading)
  end)
end)
