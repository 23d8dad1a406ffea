-- examples/embed: the game, built against an installation with pkg-config, on a cluster of its own, without the build
-- tree; and its guide, whose code is the game's.
local files = require "spec.helpers.files"
local lab = require "corosync.lab"
local program = require "spec.helpers.program"
local uv = require "luv"

local VERSION = os.getenv "LUA_VERSION"
local FRAMES = 60

local function run(...)
  local code, output, errors = program.run(...)
  assert(code == 0, output .. "\n" .. errors)
  return output
end

local function make(...)
  return run("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "-s", "LUA_VERSION=" .. VERSION, ...)
end

describe("examples/embed #slow #jit", function()
  local cluster, folder, prefix
  local hosts = {} -- by node
  local lines = {} -- by node, of this stage
  local slowest = 0 -- microseconds

  local function note(node, line)
    local worst, frames = line:match "^worst dispatch (%d+) us; of each frame:([ %d]+)$"
    if worst then
      assert.equal(FRAMES, select(2, frames:gsub(" %d+", "")))
      slowest = math.max(slowest, tonumber(worst))
    else
      table.insert(lines[node], line)
    end
  end

  local function stage()
    lines = { {}, {}, {} }
  end

  local function start(node)
    hosts[node] = assert(cluster:run(node, { "env", "-u", "LUA_PATH", "-u", "LUA_CPATH", folder .. "/embed/game",
      folder .. "/embed/world.lua" }, { host = true, output = function(line) note(node, line) end }))
  end

  local function said()
    local text = {}
    for node, list in ipairs(lines) do
      text[#text + 1] = ("%d: %s"):format(node, table.concat(list, ("\n%d: "):format(node)))
    end
    return table.concat(text, "\n")
  end

  local function wait_for(what, predicate)
    local ok, message = cluster:wait_for(predicate, 60, what)
    assert(ok, message and message .. "\n" .. said())
  end

  -- A node's worlds during this stage: sums by number of moves.
  local function worlds(node)
    local sums, last = {}, nil
    for _, line in ipairs(lines[node]) do
      local version, sum = line:match "^world (%d+) (%x+)$"
      if version then
        sums[version], last = sum, version
      end
    end
    return sums, last
  end

  -- How many worlds all of these nodes have reported; they must be the same.
  local function equal_worlds(nodes)
    local count = 0
    for version, sum in pairs((worlds(nodes[1]))) do
      local all = true
      for _, node in ipairs(nodes) do
        local other = worlds(node)[version]
        all = all and other ~= nil
        assert(other == nil or other == sum, ("world %s differs:\n%s"):format(version, said()))
      end
      count = count + (all and 1 or 0)
    end
    return count
  end

  local function play_together(nodes)
    wait_for("equal worlds on nodes " .. table.concat(nodes, " "), function() return equal_worlds(nodes) >= 2 end)
  end

  local function says(node, pattern)
    local found
    wait_for(("node %d to say '%s'"):format(node, pattern), function()
      for _, line in ipairs(lines[node]) do
        found = found or line:match(pattern)
      end
      return found
    end)
    return found
  end

  -- The last number of moves that a node has printed in any form.
  local function moves(node)
    local most = 0
    for _, line in ipairs(lines[node]) do
      most = math.max(most, tonumber(line:match "^%a+ (%d+) %x" or 0))
    end
    return most
  end

  setup(function()
    folder = assert(uv.fs_mkdtemp "/tmp/embed-XXXXXX")
    prefix = folder .. "/prefix"
    -- With -o, what these specs were built with is installed, whatever its variables.
    make("install-binding", "PREFIX=" .. prefix, "-o", ("build/%s/obj/commands"):format(VERSION))
    run("cp", "-r", "examples/embed", folder)
    make("-C", folder .. "/embed", "PKG_CONFIG_PATH=" .. prefix .. "/lib/pkgconfig", "CFLAGS=-O2 -Wall -Wextra -Werror")
    cluster = assert(lab.start { nodes = 3, token = 600 }) -- which notices faults after 2.7 s
    stage()
    for node = 1, 3 do
      start(node)
    end
  end)

  teardown(function()
    assert(cluster:stop())
    run("rm", "-rf", folder)
    print(("\nthe embedded game's longest dispatch took %d us"):format(slowest))
  end)

  before_each(stage)
  after_each(program.clean)

  it("shows one world on all nodes", function()
    play_together { 1, 2, 3 }
  end)

  it("restores the world of a game that was killed", function()
    play_together { 1, 2, 3 }
    local before = moves(1)
    assert(cluster:kill_host(2))
    stage()
    play_together { 1, 3 }
    start(2)
    assert.is_true(tonumber(says(2, "^playing (%d+)")) > before)
    play_together { 1, 2, 3 }
  end)

  it("continues when the game's Corosync is killed", function()
    assert(cluster:kill(3))
    says(3, "^frozen")
    stage()
    play_together { 1, 2 }
    local before = moves(1)
    assert.equal(0, moves(3))
    assert(cluster:restart(3))
    assert.is_true(tonumber(says(3, "^playing (%d+)")) >= before)
    play_together { 1, 2, 3 }
  end)

  it("keeps the majority's world through a partition while the minority waits", function()
    assert(cluster:partition({ 1, 2 }, { 3 }))
    says(3, "^frozen")
    says(1, "^playing")
    stage()
    play_together { 1, 2 }
    local before = moves(1)
    assert.same({}, lines[3])
    assert(cluster:heal())
    assert.is_true(tonumber(says(3, "^playing (%d+)")) >= before)
    play_together { 1, 2, 3 }
  end)

  it("waits everywhere without quorum and continues with one world", function()
    assert(cluster:partition({ 1 }, { 2 }, { 3 }))
    for node = 1, 3 do
      says(node, "^frozen")
    end
    assert(cluster:heal())
    for node = 1, 3 do
      says(node, "^playing")
    end
    stage()
    play_together { 1, 2, 3 }
  end)

  it("ends on request", function()
    for node = 1, 3 do
      hosts[node]:kill "sigterm"
      assert.equal(0, (assert(hosts[node]:wait(60))))
      assert.same({}, hosts[node].errors)
    end
  end)
end)

describe("corosync-lua.h #slow #jit", function()
  after_each(program.clean)

  it("compiles as C++", function()
    if program.run("sh", "-c", "command -v c++") ~= 0 then
      pending "there is no C++ compiler"
      return
    end
    run("c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "src/corosync-lua.h")
  end)
end)

describe("docs/embedding.md #slow #jit", function()
  it("contains the game's code unchanged", function()
    local sources = {
      c = files.read "examples/embed/game.c" .. files.read "src/corosync-lua.h",
      lua = files.read "examples/embed/world.lua",
      make = files.read "examples/embed/Makefile",
    }
    local shown = 0
    for language, code in files.read("docs/embedding.md"):gmatch "\n```(%a+)\n(.-)```\n" do
      if language ~= "sh" then
        assert.matches("%S", code)
        assert(sources[language]:find(code, 1, true), "no longer in the example:\n" .. code)
        shown = shown + 1
      end
    end
    assert.is_true(shown > 4)
  end)
end)
