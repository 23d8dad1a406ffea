local lab_scripts = require "spec.helpers.lab_scripts"
local ordinary = require "spec.helpers.ordinary_user"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local processes_of, start_script = lab_scripts.processes_of, lab_scripts.start_script

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

-- Files of earlier clients may disappear meanwhile.
local function assert_nothing_new(before, after)
  local known = {}
  for _, name in ipairs(before) do known[name] = true end
  for _, name in ipairs(after) do assert(known[name], name) end
end

describe("the lab of a program #slow", function()
  local function is_gone(id)
    return wait.until_true(function() return #processes_of(id) == 0 end, 60)
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
    assert.is_true(wait.until_true(function() return child.lines[1] or child.exited end, 60))
    local id = child.lines[1] or error(table.concat(child.errors, "\n"))
    assert.is_true(#processes_of(id) >= 8)
    assert.is_true(child:kill("sigkill"))
    assert.is_true(is_gone(id))
    assert_nothing_new(shm, files_in "/dev/shm")
    assert_nothing_new(run, files_in "/run")
  end)

  it("leaves nothing when the program ends without stop", function()
    local child = start_script "print(assert(lab.start(1)).id)"
    assert.equal(0, child:wait(60))
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
      assert.equal(0, child:wait(60), table.concat(child.errors, "\n"))
      assert.matches(("^%d\t0\tnodelist"):format(ordinary.uid), child.lines[1])
      assert.same({}, processes_of(child.lines[#child.lines]))
    end)
  end)
end)
