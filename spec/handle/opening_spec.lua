-- Why a connection to Corosync cannot be opened: each cause has its own message.
local lab = require "corosync.lab"
local ordinary = require "spec.helpers.ordinary_user"

local interpreter = os.getenv("LUA"):match "%S+$"
local SERVICES = { "cfg", "cmap", "cpg", "quorum", "votequorum" }
-- Opens each service and prints the results.
local OPEN = [[
for _, name in ipairs { "cfg", "cmap", "cpg", "quorum", "votequorum" } do
  local open = require("corosync." .. name).open
  local handle, message, code
  if name == "cmap" then handle, message, code = open("icmap", {}) else handle, message, code = open {} end
  print(handle and "open" or code, message or "")
end]]

describe("a connection #slow", function()
  local cluster

  -- With a short token timeout a busy daemon would write warnings to its log.
  setup(function() cluster = assert(lab.start { nodes = 1, token = 10000 }) end)

  teardown(function() assert(cluster:stop()) end)

  local function command(...)
    local code, out, errors = cluster:command(1, { ... }, 60)
    assert.equal(0, code, errors)
    return out
  end

  -- The code and the message of each service.
  local function open(...)
    local prefix = { ... }
    prefix[#prefix + 1] = interpreter
    prefix[#prefix + 1] = "-e"
    prefix[#prefix + 1] = OPEN
    local codes, messages, i = {}, {}, 0
    for code, message in command((table.unpack or unpack)(prefix)):gmatch "(%S+)\t([^\n]*)\n" do -- luacheck: ignore 113
      i = i + 1
      codes[SERVICES[i]], messages[SERVICES[i]] = code, message
    end
    assert.equal(#SERVICES, i)
    return codes, messages
  end

  -- All services fail with that code, and a message that names the service and has that text.
  local function all_fail(code, text, ...)
    local codes, messages = open(...)
    for _, service in ipairs(SERVICES) do
      assert.equal(code, codes[service])
      assert.matches(("cannot reach Corosync's %s service: "):format(service), messages[service], 1, true)
      assert.matches(text, messages[service], 1, true)
    end
  end

  it("leaves no error in the daemon's log and no descriptor there", function()
    local function descriptors()
      return command("sh", "-c", "ls /proc/$(pidof corosync)/fd | wc -l")
    end
    for _ = 1, 2 do open() end -- not counted: the first ones load modules
    local log, before = cluster:log(1), descriptors()
    for _ = 1, 5 do open() end
    assert.equal(log, cluster:log(1))
    -- The daemon may have noticed only now that the first ones were closed: then there are fewer.
    assert(cluster:wait_for(function() return tonumber(descriptors()) <= tonumber(before) end, 60))
  end)

  it("is one descriptor with shared memory by default", function()
    local out = command(interpreter, "-e", [[
      local cpg, process = require "corosync.cpg", require "spec_process"
      assert(cpg.open {}):close()
      local before = process.descriptors()
      local handle = assert(cpg.open {})
      print(process.descriptors() - before, handle:close())]])
    assert.equal("1\ttrue\n", out)
  end)

  it("fails when the daemon's /dev/shm is missing", function()
    all_fail("not_connected", "the files that it made for the connection are not in this /dev/shm",
      "unshare", "-m", "sh", "-c", 'mount -n -t tmpfs tmpfs /dev/shm && exec "$@"', "sh")
  end)

  it("fails when the address space of the process is limited", function()
    all_fail("no_memory", "this process has reached its memory limit",
      "sh", "-c", 'ulimit -v 13000; exec "$@"', "sh")
  end)

  it("fails when the daemon has no free descriptors", function()
    command("sh", "-c", "prlimit --nofile=30:1024 -p $(pidof corosync)")
    local out = command(interpreter, "-e", [[
      local cmap, kept = require "corosync.cmap", {}
      for i = 1, 30 do
        local handle, message, code = cmap.open()
        if not handle then return print(code, message) end
        kept[i] = handle
      end]])
    command("sh", "-c", "prlimit --nofile=1024:1024 -p $(pidof corosync)")
    assert.matches("^no_resources\tcannot reach Corosync's cmap service: Corosync has too many open files: ", out)
  end)

  it("fails when the user is not permitted", function()
    if #ordinary.prefix == 0 then return end -- there is no other user here
    ordinary.with_tree(function(tree)
      local argv = { (table.unpack or unpack)(ordinary.prefix) } -- luacheck: ignore 113
      argv[#argv + 1] = tree .. "/bin/cpgrun"
      argv[#argv + 1] = "/dev/null"
      local code, _, errors = cluster:command(1, argv, 60)
      assert.equal(1, code)
      assert.matches("cannot reach Corosync's cpg service: Corosync does not permit this user: .*corosync%-cfgtool %-R",
        errors)
    end)
  end)

  it("fails without waiting when a paused daemon's backlog is full", function()
    assert(cluster:pause(1))
    finally(function() assert(cluster:resume(1)) end)
    local holder = assert(cluster:run(1, { interpreter, "-e", [[
      print(require("spec_process").fill_backlog "cpg")
      io.stdout:flush()
      io.read "*l"]] }))
    assert(cluster:wait_for(function() return holder.lines[1] or holder.exited end, 60))
    assert.equal("true", holder.lines[1], table.concat(holder.errors, "\n"))
    local out = command(interpreter, "-e", [[
      local _, message, code = require("corosync.cpg").open {}
      print(code, message)]])
    assert(holder:write "\n")
    assert.equal(0, holder:wait(60))
    assert.matches("^try_again\tcannot reach Corosync's cpg service: too many connections wait for Corosync", out)
  end)

  it("fails when Corosync is not running", function()
    assert(cluster:kill(1))
    finally(function() assert(cluster:restart(1)) end)
    all_fail("not_connected", "Corosync is not running: start it")
  end)

  it("fails for a program of another user, which could have files opened and truncated", function()
    if #ordinary.prefix == 0 then return end -- there is no other user here
    assert(cluster:kill(1))
    local impostor
    finally(function()
      assert(not impostor or impostor:kill "sigkill" and impostor:wait(60))
      assert(cluster:restart(1))
    end)
    command("sh", "-c", [[
      mkdir -m 755 /run/offered
      head -c 65536 /dev/zero >/run/victim
      for part in header data; do ln -s /run/victim /run/offered/file-$part; done
      cp "$1" /run/impostor && chmod 755 /run/impostor]],
      "sh", ("build/%s/spec/impostor"):format(os.getenv "LUA_VERSION"))
    local argv = { (table.unpack or unpack)(ordinary.prefix) } -- luacheck: ignore 113
    argv[#argv + 1] = "/run/impostor"
    argv[#argv + 1] = "/run/offered/file"
    impostor = assert(cluster:run(1, argv))
    assert(cluster:wait_for(function() return impostor.lines[1] or impostor.exited end, 60))
    assert.equal("ready", impostor.lines[1], table.concat(impostor.errors, "\n"))
    open()
    assert.equal("65536\n", command("sh", "-c", "wc -c </run/victim"))
    assert.same({ "ready" }, impostor.lines)
    all_fail("access", "its socket belongs to a program of a user other than root and this process's")
  end)

  it("fails for votequorum alone when it is not configured", function()
    command("sh", "-c", "sed -i /provider:/d /run/corosync.conf")
    assert(cluster:restart(1))
    local codes, messages = open()
    assert.same({ cfg = "open", cmap = "open", cpg = "open", quorum = "open", votequorum = "no_quorum_provider" },
      codes)
    assert.matches("Corosync on this node has no quorum provider", messages.votequorum, 1, true)
  end)
end)
