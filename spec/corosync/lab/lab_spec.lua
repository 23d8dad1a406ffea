local lab = require "corosync.lab"
local lab_scripts = require "spec.helpers.lab_scripts"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local read, processes_of, script = lab_scripts.read, lab_scripts.processes_of, lab_scripts.script

local function seconds_of(action)
  local from = uv.hrtime()
  action()
  return (uv.hrtime() - from) / 1e9
end

describe("corosync.lab #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(3)) end)
  teardown(function() assert(cluster:stop()) end)

  it("starts with all nodes in one ring", function()
    assert.equal(3, cluster.nodes)
    for node = 1, 3 do assert.same({ 1, 2, 3 }, cluster:members(node)) end
  end)

  it("lists the members that corosync-quorumtool lists", function()
    local code, out = assert(cluster:command(2, { "corosync-quorumtool", "-l" }))
    assert.equal(0, code)
    local ids = {}
    for id in out:gmatch("\n%s+(%d+)%s+%d+%s+node") do ids[#ids + 1] = tonumber(id) end
    assert.same(cluster:members(2), ids)
  end)

  it("keeps each daemon's log", function()
    assert.matches("Members%[3%]: 1 2 3\n", cluster:log(3))
  end)

  it("partitions the nodes, seen by both sides, and heals", function()
    assert(cluster:partition({ 1, 2 }, { 3 }))
    assert(cluster:wait_members({ 1, 2 }, 60))
    assert(cluster:wait_members({ 3 }, 60))
    assert(cluster:heal())
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("puts nodes that no group names into one partition", function()
    assert(cluster:partition { 2 })
    assert(cluster:wait_members({ 2 }, 60))
    assert(cluster:wait_members({ 1, 3 }, 60))
    assert(cluster:heal())
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("disturbs a link with tc options and ends it", function()
    assert(cluster:disturb(2, "tbf rate 1kbit burst 100 latency 1ms")) -- which lets no packet of totem's through
    assert(cluster:wait_members({ 1, 3 }, 60))
    assert(cluster:wait_members({ 2 }, 60))
    assert(cluster:disturb(2))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
    assert(cluster:disturb(2.0)) -- which does nothing
  end)

  it("returns tc's message for an unknown option", function()
    local ok, message, code = cluster:disturb(1, "nonsense 5%")
    assert.same({ nil, "network" }, { ok, code })
    assert.matches("^the network could not be changed: .*nonsense", message)
    assert.not_matches("Command failed", message)
    for _, wrong in ipairs { "", 5, "tbf\nqdisc" } do
      assert.error_matches(function() cluster:disturb(1, wrong) end, "bad argument 'discipline' to 'disturb'")
    end
  end)

  it("kills a daemon and restarts it", function()
    assert(cluster:run(3, { "corosync-cmapctl", "-T", "totem." }))
    assert(cluster:wait_for(function()
      return select(2, cluster:command(3, { "ls", "/dev/shm" })):find "qb%-%d+%-%d+%-"
    end, 60, "a client"))
    assert(cluster:kill(3))
    local members, message, code = cluster:members(3)
    assert.is_nil(members)
    assert.equal("members: the daemon of node 3 is not running", message)
    assert.equal("not_running", code)
    assert.equal("not_running", select(3, cluster:kill(3)))
    assert(cluster:restart(3))
    assert.equal(0, (cluster:command(3, { "corosync-cmapctl", "-g", "totem.token" })))
    assert.not_matches("rm: ", cluster:log(3))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("stops a daemon cleanly", function()
    assert(cluster:stop_daemon(2))
    assert.is_nil(cluster:members(2))
    assert(cluster:wait_members({ 1, 3 }, 60))
    assert(cluster:restart(2))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("pauses and resumes a daemon", function()
    assert(cluster:pause(3))
    assert(cluster:wait_members({ 1, 2 }, 60))
    assert.same({ 1, 2, 3 }, cluster:members(3))
    assert.equal("timeout", select(3, cluster:command(3, { "corosync-quorumtool", "-l" }, 0.3)))
    assert(cluster:resume(3))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("kills a node's host and restarts it with the daemon", function()
    local ended
    local host = assert(cluster:run(1, { "cat" }, {
      host = true, exit = function(code, signal) ended = { code, signal } end,
    }))
    assert(cluster:kill_host(1))
    assert.same({ 0, 9 }, ended)
    assert.is_true(host.exited)
    assert.is_nil(uv.fs_stat("/proc/" .. host.pid))
    assert.equal("not_running", select(3, cluster:kill_host(1)))
    local _, again = assert(cluster:restart(1))
    assert.is_false(again.exited)
    assert(cluster:kill_host(1))
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
  end)

  it("runs programs with input, output and environment", function()
    local lines = {}
    local body = "echo $NAME $PWD; cat; echo oops >&2; printf last; exit 3"
    local child = assert(cluster:run(2, { "sh", "-c", body }, {
      env = { NAME = "value" }, cwd = "/usr",
      output = function(line, stream) lines[#lines + 1] = stream .. ":" .. line end,
    }))
    assert(child:write("one\ntw"))
    assert(child:write("o\n"))
    child:close_stdin()
    assert.same({ 3, 0 }, { child:wait(60) })
    assert.same({ "value /usr", "one", "two", "last" }, child.lines)
    assert.same({ "oops" }, child.errors)
    table.sort(lines)
    assert.same({ "err:oops", "out:last", "out:one", "out:two", "out:value /usr" }, lines)
    assert.equal("not_running", select(3, child:write("more")))
    assert.equal("not_running", select(3, child:kill()))
  end)

  it("delivers large output whole", function()
    local code, out = assert(cluster:command(1, { "seq", "200000" }))
    assert.equal(0, code)
    assert.equal(1288895, #out)
  end)

  it("fails when it writes to a program that has ended", function()
    local it = assert(cluster:run(1, { "sleep", "100" }))
    it:kill "sigkill"
    repeat -- not in the loop, which would tell of its end
      local stat = read(("/proc/%d/stat"):format(it.pid))
    until not stat or stat:match "%) ([XZ])"
    it:write "x\n"
    assert(it:wait(60))
    assert.equal("not_running", select(3, it:write "x\n"))
  end)

  it("sends signals to the program itself", function()
    local child = assert(cluster:run(1, { "sleep", "60" }))
    assert(cluster:wait_for(function()
      return read("/proc/" .. child.pid .. "/cmdline") == "sleep\0" .. "60\0"
    end, 60, "the pid being sleep's"))
    local code, message, kind = child:wait(0.05)
    assert.same({ nil, ("wait: process %d: timed out after 0.05 s"):format(child.pid), "timeout" },
      { code, message, kind })
    assert(child:kill("SIGTERM"))
    assert.same({ 0, 15 }, { child:wait(60) })
  end)

  it("fails with the reason when a program cannot be started", function()
    local code, _, err = cluster:command(1, { "no-such-program" })
    -- A shell's code: 126 when PATH names a folder that this user cannot read.
    assert.is_true(code == 127 or code == 126)
    assert.matches("no%-such%-program", err)
  end)

  it("waits until a condition holds, or times out with the condition's name", function()
    local calls = 0
    assert.is_true(cluster:wait_for(function() calls = calls + 1 return calls == 3 end, 60))
    local fine, message, code = cluster:wait_for(function() return false end, 0.1, "the moon")
    assert.is_nil(fine)
    assert.equal("the moon: timed out after 0.1 s", message)
    assert.equal("timeout", code)
  end)

  it("passes on errors raised by a condition", function()
    assert.has_error(function() cluster:wait_for(function() error("mine", 0) end, 5) end, "mine")
  end)

  it("waits in several coroutines of a running loop", function()
    local order, flag = {}, false
    coroutine.wrap(function()
      assert(cluster:wait_for(function() return flag and cluster:command(1, { "true" }) == 0 end, 60))
      order[#order + 1] = "first"
    end)()
    coroutine.wrap(function()
      order[#order + 1] = cluster:command(2, { "echo", "second" }) == 0 and "second"
      flag = true
    end)()
    local took = seconds_of(function() uv.run() end)
    assert.same({ "second", "first" }, order)
    assert.is_true(took < 30)
  end)

  it("raises when it would wait inside a callback", function()
    local problem
    local timer = uv.new_timer()
    timer:start(0, 0, function()
      timer:close()
      problem = select(2, pcall(cluster.command, cluster, 1, { "true" }))
    end)
    uv.run()
    assert.matches("in a coroutine", problem)
  end)

  it("does not keep the loop running", function()
    assert(cluster:run(1, { "sleep", "60" }, { output = function() end }))
    assert.is_true(seconds_of(function() uv.run() end) < 30)
  end)

  it("raises for a wrong argument at the caller's line, naming it", function()
    local function refuses(pattern, action)
      local fine, problem = pcall(action)
      assert.is_false(fine)
      assert.matches(pattern, problem)
      assert.matches("lab_spec.lua:%d+:", problem)
    end
    refuses("'nodes' to 'start'", function() lab.start(9) end)
    refuses("'nodes' to 'start'", function() lab.start {} end)
    refuses("'options.tokne' to 'start'", function() lab.start { nodes = 1, tokne = 1 } end)
    refuses("'seconds' to 'start'", function() lab.start { nodes = 1, timeout = -1 } end)
    refuses("'options.transport' to 'start'", function() lab.start { nodes = 1, transport = "udp" } end)
    refuses("'options.totem' to 'start'", function() lab.start { nodes = 1, totem = 8900 } end)
    refuses("'options.totem.netmut' to 'start'", function() lab.start { nodes = 1, totem = { netmut = 8900 } } end)
    refuses("'options.totem.netmtu' to 'start'", function() lab.start { nodes = 1, totem = { netmtu = 0.5 } } end)
    refuses("'options.totem.netmtu' to 'start'", function() lab.start { nodes = 1, totem = { netmtu = "8900" } } end)
    refuses("'options.mtu' to 'start'", function() lab.start { nodes = 1, mtu = 575 } end)
    refuses("'options.mtu' to 'start'", function() lab.start { nodes = 1, mtu = 65536 } end)
    refuses("'node' to 'kill'", function() cluster:kill(4) end)
    refuses("'node' to 'log'", function() cluster:log("1") end)
    refuses("'groups' to 'partition'", function() cluster:partition() end)
    refuses("'group 1' to 'partition' %(expected an array of nodes, such as {1}%)", function() cluster:partition(1) end)
    refuses("'group 2' to 'partition' %(node 1 is named twice", function() cluster:partition({ 1 }, { 1 }) end)
    refuses("'argv' to 'run'", function() cluster:run(1, "true") end)
    refuses("'argv' to 'run'", function() cluster:run(1, { "echo", "a\0b" }) end)
    refuses("'options.env' to 'run'", function() cluster:run(1, { "true" }, { env = 1 }) end)
    refuses("'options.env' to 'run'", function() cluster:run(1, { "true" }, { env = { NAME = {} } }) end)
    refuses("'seconds' to 'wait_for'", function() cluster:wait_for(print) end)
    refuses("'predicate' to 'wait_for'", function() cluster:wait_for(nil, 1) end)
    refuses("'node_list' to 'wait_members'", function() cluster:wait_members({ 4 }, 1) end)
  end)

  it("runs beside another lab and is gone after stop", function()
    local output = {}
    local other = assert(lab.start { nodes = 2, token = 500, transport = "knet", output = function(node, stream)
      output[node .. stream] = true
    end })
    assert(other:run(1, { "sh", "-c", "echo x; sleep 60 & sleep 60" }))
    assert(other:wait_for(function() return output["1out"] end, 60))
    assert.is_true(output["1log"] and output["2log"])
    assert(other:pause(2))
    assert.is_true(#processes_of(other.id) >= 8)
    assert.same({ 1, 2, 3 }, cluster:members(1))
    assert.is_true(other:stop())
    assert.same({}, processes_of(other.id))
    assert.is_true(other:stop())
    assert.equal("stopped", select(3, other:members(1)))
    assert.equal("stopped", select(3, other:heal()))
    assert.equal("stopped", select(3, other:disturb(1)))
    assert.equal("stopped", select(3, other:wait_members({ 1 }, 60)))
    assert.same({ 1, 2, 3 }, cluster:members(1))
  end)

  it("has the given totem settings, and links that pass packets of the given MTU", function()
    -- With this netmtu the nodes do not form a ring if the other end of a link drops packets above 1500 bytes.
    local other = assert(lab.start { nodes = 2, mtu = 9000, totem = { netmtu = 8900, window_size = 300 } })
    local code, out = assert(other:command(2, { "corosync-cmapctl" }))
    assert.equal(0, code)
    assert.matches("\ntotem.netmtu %(u32%) = 8900\n", out)
    assert.matches("\nruntime.config.totem.window_size %(u32%) = 300\n", out)
    assert.matches("eth0.* mtu 9000 ", select(2, other:command(1, { "ip", "link", "show", "eth0" })))
    assert(other:stop())
  end)

  it("has no socket in its user's network", function()
    -- All bound names and ports in the kernel's tables: the name of unix sockets, the local address of others.
    local function bound()
      local found = {}
      for name, pattern in pairs { unix = "%x+ %w+ %w+ %w+ %w+ %w+ +%d+ (%S+)$", tcp = "^ *%d+: (%S+) %S+ 0A",
        udp = "^ *%d+: (%S+)", tcp6 = "^ *%d+: (%S+) %S+ 0A", udp6 = "^ *%d+: (%S+)" } do
        local file = io.open("/proc/net/" .. name)
        for each in file and file:lines() or function() end do
          local socket = each:match(pattern)
          found[#found + 1] = socket and name .. " " .. socket
        end
        if file then file:close() end
      end
      table.sort(found)
      return found
    end
    local before = bound()
    local other = assert(lab.start(2.0))
    assert.same(before, bound())
    assert(other:stop())
  end)

  it("runs inside a node of another lab", function()
    local code, out, err = cluster:command(1, { uv.exepath(), "-e", script [[
      local inner = assert(lab.start(2))
      print(inner:command(2, { "echo", "within" }))
      assert(inner:stop())]] })
    assert.equal(0, code, err)
    assert.matches("within", out)
  end)

  it("stops when it is collected", function()
    local id = assert(lab.start(1)).id
    assert.is_true(wait.until_true(function()
      collectgarbage()
      return #processes_of(id) == 0
    end, 60))
  end)

  it("quotes the log of a daemon that does not start", function()
    local fine, message, code = lab.start { nodes = 2, token = 1 }
    assert.is_nil(fine)
    assert.matches("^start: the daemon of node %d exited with code 8[^\n]*:\n.*token timeout", message)
    assert.equal("not_running", code)
  end)

  it("reports that its namespaces were killed", function()
    local other = assert(lab.start(1))
    assert(uv.kill(other.namespaces.init_pid, "sigkill"))
    assert(wait.until_true(function() return other.namespaces.init.ended end, 60))
    assert.matches("^true could not be started on node 1: .*namespaces are gone", select(2, other:run(1, { "true" })))
    assert.matches("^the network could not be changed: .*namespaces are gone", select(2, other:heal()))
    other:stop()
  end)

  it("limits the time of its start", function()
    assert.equal("timeout", select(3, lab.start { nodes = 2, transport = "knet", timeout = 0.7 }))
  end)
end)
