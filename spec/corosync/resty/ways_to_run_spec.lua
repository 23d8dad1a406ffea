-- nginx run in other ways than by a master process as root.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"
local ordinary = require "spec.helpers.ordinary_user"

local cluster, app

local function start(env, directives)
  app = nginx.start(cluster, 1, "single.conf", env, directives)
end

setup(function() cluster = assert(lab.start(1)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a group in an nginx #slow", function()
  it("without a master process is a member, and leaves when that quits", function()
    start({}, "master_process off;")
    app:says "^%d+ config 1 "
    local member = nginx.member(app, 1)
    assert.equal("sent", app:request "8090/send?text=alone")
    app:says "^%d+ message %S+ alone$"
    app:signal "QUIT"
    member:says(("left 1:%s=leave"):format(app:find "^(%d+) config"[1]))
    assert.equal(0, (assert(app.process:wait(15))))
  end)

  it("without a directory for its sockets polls, and logs why", function()
    start { SPEC_DIRECTORY = "/sys" }
    app:says "^%d+ config"
    app:says "group 'spec' polls for events every 10 ms: cannot make a socket in /sys: "
    assert.equal("sent", app:request "8090/send?text=polled")
    app:says "^%d+ message %S+ polled$"
  end)

  it("of a user whom Corosync does not allow says so, and joins when it does, as do groups of nodes", function()
    if #ordinary.prefix == 0 then return end -- there is no other user here
    start({ SPEC_DIRECTORY = "/tmp" }, "user nobody nogroup;")
    app:says "^%d+ disconnected .*uidgid"
    local code, _, errors = cluster:command(1, { "corosync-cmapctl", "-s", "uidgid.uid." .. ordinary.uid, "u8", "1" })
    assert(code == 0, errors)
    app:says "^%d+ config"
    assert.equal("sent", app:request "8090/send?text=allowed")
    app:says "^%d+ message %S+ allowed$"

    nginx.clean()
    app = nginx.start(cluster, 1, "node.conf", { SPEC_DIRECTORY = "/tmp" },
      "user nobody nogroup; worker_processes 2;")
    nginx.node_joined(app, 2)
    app:signal "HUP"
    nginx.node_joined(app, 4)
    app:wait_for("the old workers to end", function() return #app:children() == 2 end) -- until then they serve requests
    assert.equal("sent", app:request "8090/send?text=node")
    app:says("^%d+ message %S+ node$", 2)
    assert.same({}, app:find "^%d+ disconnected.*")
  end)

  it("that is upgraded is a member in the new worker as well, then in that alone", function()
    start({}, "daemon on;")
    app:says "^%d+ config 1 "
    local old, master = nginx.joined(app, 1)[1], app:master()
    local member = nginx.member(app, 1)
    app:signal "USR2"
    app:says("^%d+ config 3 ", 2)
    app:signal("QUIT", master)
    member:says(("left 1:%s=leave"):format(old))
    assert.equal("sent", app:request "8090/send?text=upgraded")
    app:says "^%d+ message %S+ upgraded$"
    local new = app:children()[1]
    app:signal "QUIT"
    member:says(("left 1:%s=leave"):format(new))
    app:wait_for("nginx to end", function() return cluster:command(1, { "test", "-e", "/run/nginx.pid" }) == 1 end)
  end)
end)
