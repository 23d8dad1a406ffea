-- What cpgrun tells about a running script.
local json = require "dkjson"
local program = require "spec.helpers.program"
local uv = require "luv"

local complaint, cpgrun, line, run = program.complaint, program.cpgrun, program.line, program.run

local folders = 0

-- A folder for sockets, which cpgrun makes.
local function new_folder()
  folders = folders + 1
  return program.file(("sockets%d"):format(folders))
end

local function sockets(folder)
  local found, scan = {}, uv.fs_scandir(folder)
  for name in function() return scan and uv.fs_scandir_next(scan) end do
    found[#found + 1] = name
  end
  return found
end

local function show_status(...) return run("cpgrun", "status", "--timeout", "60", ...) end

local READY = [[
  function message_received() end
  function started() print "started" end ]]

-- A script that has started.
local function ready(name, folder, text, ...)
  local it = cpgrun(name, (text or "") .. READY, "--socket", folder, ...)
  line(it, "^started")
  return it
end

describe("the status of a script", function()
  after_each(program.clean)
  teardown(program.remove)

  it("has its group, quorum, and what its replica holds", function()
    local it = cpgrun("tells", [[
      function message_received() end
      leader("boss", { elected = function() end })
      every("job", 3600, function() end)
      function started()
        after(0, function()
          map "stock":set("tea", 3)
          lock "door":acquire()
          group:send_message "hello"
          local status = require "cpgrun.status"
          repeat sleep(0.01) until status.snapshot().group.received == 1 and status.snapshot().quorum.known
          print(json.encode(status.snapshot()))
        end)
      end]])
    local found = assert(json.decode(line(it, "^({.*)")))
    local own = found.group.address
    assert.same({ "tells", true, 0 }, { found.name, found.ready, found.handler_errors })
    assert.same({ "tells", "joined", true, { own } }, { found.group.name, found.group.state, found.group.active,
      found.group.members })
    assert.same({ 1, 5, 1, 5, 1, 0 }, { found.group.sent, found.group.sent_bytes, found.group.received,
      found.group.received_bytes, found.group.config_changes, found.group.reconnects })
    assert.equal(own.node, found.group.view.nodes[1])
    assert.same({ true, true, { own.node } }, { found.quorum.known, found.quorum.quorate, found.quorum.nodes })
    local replica = found.replicas[1]
    assert.same({ "tells", "ready", { own }, {} }, { replica.name, replica.state, replica.full, replica.learners })
    assert.same({ { name = "stock", keys = 1 } }, replica.maps)
    assert.same({ { name = "job", every = 3600 } }, replica.tasks)
    for name, objects in pairs { door = replica.locks, boss = replica.elections } do
      assert.same({ 1, name, true, ("%d:%d"):format(own.node, own.pid), 0 }, { #objects, objects[1].name,
        objects[1].held, objects[1].holder, objects[1].waiting })
    end
    assert.is_true(found.memory.rss > found.memory.lua)
  end)

  it("loads no code of replicas, metrics or several scripts for a script without them", function()
    local it = cpgrun("small", [[
      function message_received() end
      function started()
        require("cpgrun.status").snapshot()
        for _, name in ipairs { "corosync.replica.registry", "cpgrun.metrics.host", "cpgrun.systemd.children" } do
          print(name, package.loaded[name])
        end
      end]])
    for _, name in ipairs { "corosync.replica.registry", "cpgrun.metrics.host", "cpgrun.systemd.children" } do
      line(it, ("^%s\tnil$"):format(name))
    end
  end)

  it("counts errors of handlers", function()
    local it = cpgrun("fails", [[
      function message_received() error "no" end
      function started()
        group:send_message "hello"
        after(0, function()
          local status = require "cpgrun.status"
          repeat sleep(0.01) until status.snapshot().handler_errors == 1
          print(status.snapshot().handler_errors)
        end)
      end]])
    assert.equal("1", line(it, "^(%d)"))
  end)
end)

describe("cpgrun status", function()
  after_each(program.clean)
  teardown(program.remove)

  it("lists the running scripts, or shows all about one", function()
    local folder = new_folder()
    local one = ready("one", folder)
    ready("two", folder, [[map "m":set("k", 1)]])
    local pid = one.pid
    local code, out = show_status("--socket", folder)
    assert.equal(0, code)
    assert.matches("^NAME +PID +STATE +MEMBERS +QUORUM +LAG +WAIT +ERRORS +UP\n", out)
    assert.matches(("\none +%d +joined +1 +yes +%%d+%%.%%d s +0 +0 +%%d+ s\ntwo "):format(pid), out)
    code, out = show_status("--socket", folder, ("%d"):format(pid))
    assert.equal(0, code)
    assert.matches(("^one %%(pid %d%%), .*one%%.lua, up %%d+ s: ready\n  group one: joined"):format(pid), out)
    code, out = show_status("--socket", folder, "two")
    assert.equal(0, code)
    assert.matches("\n    map m: 1 key\n", out)
    code, out = show_status("--socket", folder, "--json", "one")
    local found = json.decode(out)
    assert.same({ 0, "one", pid, true }, { code, found.name, found.pid, found.ready })
    found.group.view.ring = { node = 1, seq = 29 }
    assert.matches("\n  ring 1%.1d on node ", require("cpgrun.commands.status_report").details { found })
  end)

  it("prints lines of at most 80 columns", function()
    local folder = new_folder()
    ready(("x"):rep(100), folder)
    local _, out = show_status("--socket", folder)
    for row in out:gmatch "[^\n]+" do
      assert.is_true(#row <= 80, row)
    end
  end)

  it("shows a script that does not reply, and fails", function()
    local folder = new_folder()
    local it = cpgrun("busy", [[
      function message_received() end
      function started() print "started" while true do end end]], "--socket", folder)
    line(it, "^started")
    local code, out = run("cpgrun", "status", "--socket", folder, "--timeout", "0.5")
    assert.equal(1, code)
    assert.matches("\nbusy +%d+  the control socket .* did not reply within 0%.5 s", out)
  end)

  it("is UTF-8 for any bytes in names", function()
    local folder = new_folder()
    ready("bytes", folder, [[group_name = "a\255\27b" ]])
    local _, out = show_status("--json", "--socket", folder)
    assert.equal("a\\255\27b", json.decode(out).group.name)
    _, out = show_status("--socket", folder, "bytes")
    assert.matches("group a\\255?b: joined", out, 1, true)
  end)

  -- A program that replies like this.
  local function impostor(folder, reply)
    local server = uv.new_pipe(false)
    assert(server:bind(("%s/impostor.%d.sock"):format(folder, uv.os_getpid())))
    assert(server:listen(8, function()
      local client = uv.new_pipe(false)
      server:accept(client)
      client:read_start(function() end)
      client:write(reply .. "\n", function() client:close() end)
    end))
    return server
  end

  for what, replies in pairs {
    ["a status that lacks fields"] = { '{"ok":true,"status":{}}', '{"ok":true,"status":{"group":{"members":3}}}',
      '{"ok":true,"status":7}' },
    ["a message that would change the terminal"] = { '{"ok":false,"error":"\\u001b[2J"}', '{"ok":false,"error":{}}' },
  } do
    it("shows " .. what .. " as an error", function()
      local folder = new_folder()
      assert(uv.fs_mkdir(folder, 448))
      for _, reply in ipairs(replies) do
        local server = impostor(folder, reply)
        local code, out, errors = show_status("--socket", folder)
        server:close()
        assert.same({ 1, "" }, { code, errors })
        assert.matches("\nimpostor +%d+ +%C+$", out)
      end
    end)
  end

  it("shows a replica that is not ready, and fails", function()
    local folder = new_folder()
    ready("blocked", folder, [[app = assert(require "corosync.replica"("spec-blocked", { observer = true })) ]])
    local code, out = show_status("--socket", folder)
    assert.equal(1, code)
    assert.matches("\nblocked +%d+ +blocked +1 +yes ", out)
    code, out = show_status("--socket", folder, "blocked")
    assert.equal(1, code)
    assert.matches(": not ready\n.*\n  replica spec%-blocked: blocked %(.+%)\n", out)
  end)

  it("fails if no script is running", function()
    for _, command in ipairs { "status", "attach" } do
      local code, _, errors = run("cpgrun", command, "--socket", new_folder(), "shop")
      assert.equal(1, code)
      assert.matches("error: no script with a control socket is running", errors)
    end
    assert.equal(2, (run("cpgrun", "status", "--unknown")))
  end)

  it("finds scripts in the usual folder", function()
    local it = cpgrun("usual", READY)
    line(it, "^started")
    local code, out = show_status(("%d"):format(it.pid))
    assert.same({ 0, "usual" }, { code, out:match "^%w+" })
  end)
end)

describe("the control socket", function()
  after_each(program.clean)
  teardown(program.remove)

  it("belongs to its user alone, and is removed when the script ends", function()
    local folder = new_folder()
    local it = ready("owned", folder)
    local path = ("%s/owned.%d.sock"):format(folder, it.pid)
    assert.equal(tonumber("700", 8), uv.fs_stat(folder).mode % 512)
    assert.equal(tonumber("600", 8), uv.fs_stat(path).mode % 512)
    it:kill "sigterm"
    assert.same({ 0, 0 }, { it:wait(60) })
    assert.same({}, sockets(folder))
  end)

  it("is removed if the script cannot join", function()
    local folder = new_folder()
    local it = cpgrun("misnamed", "group_name = {}" .. READY, "--socket", folder)
    program.ended(it, 1)
    assert.same({}, sockets(folder))
  end)

  it("of a killed script is removed by the next script", function()
    local folder = new_folder()
    local it = ready("killed", folder)
    it:kill "sigkill"
    it:wait(60)
    assert.equal(1, #sockets(folder))
    local next_one = ready("killed", folder)
    assert.equal(0, (show_status("--socket", folder)))
    assert.same({ ("killed.%d.sock"):format(next_one.pid) }, sockets(folder))
  end)

  it("is not opened in a folder that others can use, and the script continues", function()
    local folder = new_folder()
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    assert(uv.fs_chmod(folder, tonumber("755", 8)))
    local it = ready("open", folder)
    complaint(it, "warning: cannot open a control socket in '.*': it must belong to user %d+ and be closed to others")
    it = ready("nowhere", "/proc/none")
    complaint(it, "warning: cannot open a control socket in '/proc/none': no such file or directory")
    it = ready("long", program.file(("x"):rep(100)))
    complaint(it, "warning: cannot open a control socket in '.*': the socket's path would have %d+ bytes")
  end)

  it("is not opened with --socket none", function()
    ready("without", "none")
    assert.is_nil(uv.fs_stat "none")
  end)
end)
