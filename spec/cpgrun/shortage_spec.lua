-- cpgrun while the kernel refuses it memory or descriptors, and when it has them again.
local core = require "corosync.core"
local handles = require "spec.helpers.handles"
local lab = require "corosync.lab"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local complaint, line = program.complaint, program.line

local function count(lines, pattern)
  local found = 0
  for _, each in ipairs(lines) do
    found = found + (each:find(pattern) and 1 or 0)
  end
  return found
end

local function limit(it, what, soft)
  assert(program.run("prlimit", ("--%s=%s:"):format(what, soft), "--pid", tostring(it.pid)) == 0)
end

local function size_of(it)
  local file = assert(io.open(("/proc/%d/status"):format(it.pid)))
  local kilobytes = file:read("*a"):match "VmSize:%s*(%d+)"
  file:close()
  return kilobytes * 1024
end

describe("cpgrun without free memory #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  it("reports it once, pauses, and continues when there is memory", function()
    local it = program.start("cpgrun", "--group", "shortage", program.file("keeper.lua", [[
      local kept = {}
      function config_change(members) print("members", #members) end
      function message_received(_, message)
        kept[#kept + 1] = message
        print("kept", #kept)
      end]]))
    line(it, "^members\t1$")
    handles.flood("shortage", 1, 900000) -- its stack has grown then
    line(it, "^kept\t1$")
    limit(it, "as", ("%d"):format(size_of(it) + 8e6))
    handles.flood("shortage", 20, 900000)
    complaint(it, "error: cannot handle events: this process has not enough memory; trying again, with pauses$")
    local before = core.now()
    wait.until_true(function() return core.now() - before >= 1 end, 60) -- in which it would say so a thousand times
    assert.equal(1, count(it.errors, "not enough memory; trying again"))
    assert.is_true(count(it.errors, "memory") <= 4, table.concat(it.errors, "\n"))
    limit(it, "as", "unlimited")
    complaint(it, "info: events of corosync.group 'shortage' .* are handled again, after %d+%.%d s$")
    line(it, "^kept\t9$")
  end)
end)

describe("cpgrun without free descriptors #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  it("does not accept connections to its control socket, goes on, and accepts them when there are some", function()
    local folder = program.file("folder", "") .. ".d"
    assert(uv.fs_mkdir(folder, 448))
    finally(function() os.execute("rm -r " .. folder) end)
    local it = program.start("cpgrun", "--group", "shortage", "--socket", folder, program.file("ticking.lua", [[
      function config_change(members) print("members", #members) end
      require("luv").new_timer():start(0, 20, function() print "tick" end)]]))
    line(it, "^members\t1$")
    limit(it, "nofile", "4")
    local refused = program.start("cpgrun", "status", "--socket", folder)
    complaint(it, "warning: cannot accept connections on .*%.sock: this process has too many files open; trying again$")
    local before = #it.lines
    wait.until_true(function() return #it.lines > before + 10 end, 60)
    assert.is_true(#it.lines > before + 10)
    limit(it, "nofile", "256")
    assert(refused:wait(60))
    local reply
    wait.until_true(function()
      local code, out = program.run("cpgrun", "status", "--socket", folder)
      reply = out
      return code == 0 and out:find "ticking"
    end, 60)
    assert.matches("ticking", reply)
  end)
end)

describe("cpgrun without free descriptors while Corosync restarts #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)
  after_each(program.clean)

  for _, most in ipairs { 12, 16, 18 } do
    it(("waits with a limit of %d, reports why once, and reconnects when there are some"):format(most), function()
      local it = assert(cluster:run(1, { "cpgrun", "--group", "shortage", program.file("asking.lua", [[
        local function ask() return cmap:is_connected(), quorum:is_connected() end
        function config_change(members) if #members > 0 then print("member", ask()) end end
        function disconnected() print "lost" end
        require("luv").new_timer():start(0, 50, function()
          local map, quorum = ask()
          if group:is_active() and map and quorum then print "all" else print "some" end
        end)]]) }))
      finally(function() it:kill "sigkill" assert(it:wait(60)) end)
      local function says(list, pattern)
        assert(cluster:wait_for(function() return count(list, pattern) > 0 or it.exited end, 60, pattern))
        assert.is_false(it.exited, table.concat(it.errors, "\n"))
      end
      says(it.lines, "^member")
      says(it.lines, "^all$")
      limit(it, "nofile", tostring(most))
      assert(cluster:kill(1))
      says(it.lines, "^lost$")
      assert(cluster:restart(1))
      says(it.errors, "open files")
      local before = #it.lines
      assert(cluster:wait_for(function() return #it.lines > before + 40 or it.exited end, 60, "turns"))
      assert.is_false(it.exited, table.concat(it.errors, "\n"))
      local texts = table.concat(it.errors, "\n")
      assert.is_true(count(it.errors, "cpg.*open files") <= 1, texts)
      assert.is_true(count(it.errors, "cmap.*open files") <= 1 and count(it.errors, "quorum.*open files") <= 1, texts)
      limit(it, "nofile", "256")
      before = #it.lines
      assert(cluster:wait_for(function()
        return it.exited or count({ (table.unpack or unpack)(it.lines, before + 1) }, "^all$") > 0 -- luacheck: ignore
      end, 60, "all to be back"))
      assert.is_false(it.exited, table.concat(it.errors, "\n"))
      says(it.errors, "rejoined group 'shortage'")
    end)
  end
end)
