-- The rocks, as a user gets them: installed from a checkout without anything built, packed, and installed elsewhere.
-- LuaRocks asks no server: all that they depend on is there.
local program = require "spec.helpers.program"
local uv = require "luv"

local VERSION = os.getenv "LUA_VERSION"

-- Runs LuaRocks with the Lua that the rocks are for.
local ROCKS = {
  jit = { lua = "luajit", arguments = "--lua-version 5.1 LUA=$(command -v luajit) "
    .. "LUA_INCDIR=$(pkg-config --variable=includedir luajit)" },
}
for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
  ROCKS[version] = { lua = "lua" .. version, arguments = "--lua-version " .. version }
end

-- Each module that is a file here, by its require name. Those for nginx must be installed, and cannot be loaded here.
local SCRIPT = [[
local count = 0
for path in io.popen("cd '%s' && find lua/corosync -name '*.lua'"):lines() do
  local name = path:gsub("^lua/", ""):gsub("%%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  local ok, problem = pcall(require, name)
  assert(ok or name:find "^corosync%%.resty" and not problem:find "module 'corosync%%S+ not found", problem)
  count = count + 1
end
local where = assert(package.searchpath and package.searchpath("corosync", package.path) or package.path)
assert(where:find("%s", 1, true) == 1, where)
assert(count > 10, count)
local cmap = assert(require("corosync.cmap").open())
print(jit and "LuaJIT" or _VERSION, (cmap:get "totem.cluster_name"))
]]

local HOST = [[
function config_change(members)
  if #members > 0 then
    print(jit and "LuaJIT" or _VERSION, #members)
    group:deactivate()
  end
end
]]

describe("the rocks #slow", function()
  local folder

  before_each(function()
    folder = assert(uv.fs_mkdtemp "/tmp/rocks-XXXXXX")
  end)

  after_each(function()
    os.execute(("rm -rf '%s'"):format(folder))
    program.clean()
  end)

  -- Only the tree's files must be found, not this build.
  local function sh(script)
    local it = program.start("sh", "-ec",
      ("unset LUA_PATH LUA_CPATH LUA LUA_VERSION LUA_ABI MAKEFLAGS\nexport HOME='%s'\n%s"):format(folder, script))
    it:close_stdin()
    assert.same({ 0, 0 }, { assert(it:wait(300)) },
      script .. "\n" .. table.concat(it.lines, "\n") .. "\n" .. table.concat(it.errors, "\n"))
    return table.concat(it.lines, "\n")
  end

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  local function is_for_nginx(rocks)
    return rocks.arguments:find "5%.1" ~= nil
  end

  local function name_of(version)
    return version == "jit" and "LuaJIT" or "Lua " .. version
  end

  -- Runs a script on the modules of a tree, and another on its cpgrun.
  local function works(version, tree)
    local rocks, lua = ROCKS[version], name_of(version)
    write("script.lua", SCRIPT:format(folder, tree))
    write("host.lua", HOST)
    assert.equal(lua .. "\tlab", sh(('eval "$(luarocks %s --tree %s path)"; exec %s %s/script.lua'):format(
      rocks.arguments, tree, rocks.lua, folder)))
    assert.equal(lua .. "\t1", sh(("exec %s/bin/cpgrun %s/host.lua"):format(tree, folder)))
  end

  -- Installing must not build again, with other flags than the user's.
  local function compiles_once(said)
    local seen = {}
    for file in said:gmatch "CC (%S+)" do
      assert.is_nil(seen[file], file .. " is compiled twice")
      seen[file] = true
    end
  end

  -- Makes the rocks for a Lua from a copy of the checkout, without optimizing, which takes long. Returns their names.
  local function make(version, tree)
    local rocks = ROCKS[version]
    local names = { "lua-corosync", "cpgrun", is_for_nginx(rocks) and "lua-resty-corosync" or nil }
    sh(("cp -r Makefile README.md LICENSE docs examples lua mk src rockspec tools types '%s'"):format(folder))
    for _, rock in ipairs(names) do
      local said = sh(("cd %s; luarocks %s --tree %s make rockspec/%s-*.rockspec CFLAGS=-O0"):format(folder,
        rocks.arguments, tree, rock))
      compiles_once(said)
    end
    return names
  end

  it("work with " .. name_of(VERSION), function()
    local made = folder .. "/made"
    make(VERSION, made)
    works(VERSION, made)
  end)

  -- With all Luas one run suffices, for the Lua that nginx's rock is for.
  local packed_for = VERSION == "5.4" and "5.1" or VERSION

  it("work with " .. name_of(packed_for) .. " when they were packed and installed elsewhere", function()
    local rocks = ROCKS[packed_for]
    local made, packed = folder .. "/made", folder .. "/packed"
    for _, rock in ipairs(make(packed_for, made)) do
      sh(("cd %s; luarocks %s --tree %s pack %s; luarocks %s --tree %s install ./%s-*.rock"):format(folder,
        rocks.arguments, made, rock, rocks.arguments, packed, rock))
    end
    sh("rm -r " .. made)
    works(packed_for, packed)
    assert.equal(is_for_nginx(rocks), uv.fs_stat(packed .. "/share/lua/5.1/resty/corosync/cache.lua") ~= nil)
  end)

  it("name missing packages", function()
    sh(("cp -r Makefile README.md LICENSE docs examples lua mk src rockspec tools types '%s'; mkdir '%s/none'"):format(
      folder, folder))
    local said = sh(("cd %s; ! PKG_CONFIG_LIBDIR=%s/none luarocks %s --tree %s/tree make rockspec/%s 2>&1"):format(
      folder, folder, ROCKS[VERSION].arguments, folder, "lua-corosync-*.rockspec"))
    assert.matches("apt-get install libcpg-dev libcmap-dev libquorum-dev libvotequorum-dev libcfg-dev\n", said, 1, true)
  end)
end)
