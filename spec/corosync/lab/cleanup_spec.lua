local tools = require "corosync.lab.tools"
local ordinary = require "spec.helpers.ordinary_user"
local process = require "corosync.lab.process"
local uv = require "luv"
local wait = require "corosync.lab.wait"

-- The lab, with real daemons.

local HERE = uv.cwd()

local function read(path)
  local file = io.open(path)
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end

-- The pids of all processes of a lab. A zombie has no environment.
local function processes_of(id)
  local found = {}
  local directory = assert(uv.fs_scandir("/proc"))
  for name in function() return uv.fs_scandir_next(directory) end do
    local environment = name:match("^%d+$") and read("/proc/" .. name .. "/environ")
    if environment and environment:find("COROSYNC_LAB=" .. id .. "\0", 1, true) then found[#found + 1] = name end
  end
  return found
end

local function files_in(folder)
  local names = {}
  local directory = assert(uv.fs_scandir(folder))
  for name in function() return uv.fs_scandir_next(directory) end do
    if name:find("qb-", 1, true) or name:find("corosync", 1, true) or name:find("lab", 1, true) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local function script(body, modules)
  modules = modules or HERE .. "/lua"
  return ("package.path = %q .. package.path\n"):format(modules .. "/?.lua;" .. modules .. "/?/init.lua;")
    .. "local uv, lab = require 'luv', require 'corosync.lab'\nio.stdout:setvbuf('line')\n" .. body
end

-- A Lua process of its own, outside every lab, with `before` (an array) in front of its command, and our modules from
-- the checkout or another folder.
local function start_script(body, before, modules)
  local argv = {}
  for i, word in ipairs(before or {}) do argv[i] = word end
  argv[1] = argv[1] and tools.find(argv[1])
  for _, word in ipairs { uv.exepath(), "-e", script(body, modules) } do argv[#argv + 1] = word end
  return assert(process.spawn(argv, { env = tools.environment() }))
end

describe("the lab of a program #slow", function()
  local function is_gone(id)
    return wait.until_true(function() return #processes_of(id) == 0 end, 5)
  end

  it("leaves nothing when the program is killed, not even paused programs", function()
    local shm, run = files_in("/dev/shm"), files_in("/run")
    local child = start_script [[
      local cluster = assert(lab.start(2))
      assert(cluster:pause(1))
      local host = assert(cluster:run(2, { "sh", "-c", "trap '' TERM HUP; sleep 60 & wait" }))
      assert(host:kill("sigstop"))
      print(cluster.id)
      uv.new_timer():start(60000, 0, print)
      uv.run()]]
    assert.is_true(wait.until_true(function() return child.lines[1] or child.exited end, 20))
    local id = child.lines[1] or error(table.concat(child.errors, "\n"))
    assert.is_true(#processes_of(id) >= 8)
    assert.is_true(child:kill("sigkill"))
    assert.is_true(is_gone(id))
    assert.same({ shm, run }, { files_in("/dev/shm"), files_in("/run") })
  end)

  it("leaves nothing when the program ends without stop", function()
    local child = start_script "print(assert(lab.start(1)).id)"
    assert.equal(0, child:wait(20))
    assert.is_true(is_gone(child.lines[1]))
  end)

  it("needs no root", function()
    ordinary.with_tree(function(tree)
      local child = start_script([[
        local cluster = assert(lab.start(2))
        assert(cluster:pause(1) and cluster:resume(1) and cluster:kill(2) and cluster:restart(2))
        print(uv.getuid(), cluster:command(2, { "corosync-cmapctl", "-g", "nodelist.node.1.nodeid" }))
        assert(cluster:stop())
        print(cluster.id)]], ordinary.prefix, tree .. "/share/lua/" .. os.getenv "LUA_ABI")
      assert.equal(0, child:wait(30), table.concat(child.errors, "\n"))
      assert.matches(("^%d\t0\tnodelist"):format(ordinary.uid), child.lines[1])
      assert.same({}, processes_of(child.lines[#child.lines]))
    end)
  end)
end)
