-- Groups whose nginx runs no more timers, and handlers that end their light thread.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster, app

local function start(hogs, pack)
  app = nginx.start(cluster, 1, "few_timers.conf", { SPEC_HOGS = tostring(hogs), SPEC_PACK = pack })
  app:says "start worker process "
end

-- No other timer can run from then on.
local function hog_timers()
  assert.equal("hogging", app:request "8090/hog")
  app:says "lua failed to run timer .*/hogs.lua:%d+: 5 lua_max_running_timers are not enough"
end

local function release_timers()
  assert.equal("released", app:request "8090/release")
end

setup(function() cluster = assert(lab.start(1)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a group without a free timer #slow", function()
  it("joins as soon as there is one, and reports why it handled no events", function()
    start(5)
    app:says("lua failed to run timer .*corosync/resty/.*: 5 lua_max_running_timers are not enough", 4)
    assert.matches("^timeout: cannot complete the join of group 'spec': .*raise lua_max_running_timers",
      app:request "8090/send?text=early&timeout=0.1")
    assert.same({}, app:find "config")
    release_timers()
    nginx.joined(app, 1)
    app:says("group 'spec': it handled no events for %d+ s, because nginx did not run its timer: "
      .. "raise lua_max_running_timers")
    assert.equal("sent", app:request "8090/send?text=late")
    app:says "^%d+ message %S+ late$"
  end)

  it("goes on in the same light thread under load, and in others later", function()
    start(0)
    nginx.joined(app, 1)
    hog_timers()
    for part = 1, 3 do
      assert.equal("sent", app:request(("8090/send?count=4500&text=%d-"):format(part)))
      app:says(("^%%d+ message %%S+ %d%%-4500$"):format(part))
    end
    assert.equal("1", app:request "8090/threads")
    release_timers()
    assert.equal("sent", app:request "8090/send?count=4500&text=4-")
    local heard = nginx.sequences(app, "last", { { app, app:children()[1] } })
    assert.equal(18001, #heard[1])
    nginx.assert_same_order(heard)
    -- The group asks for one after some thousand events, and the first time may come before a timer is free.
    app:wait_for("another light thread", function()
      assert.equal("sent", app:request "8090/send?count=4500&text=more-")
      return tonumber((app:request "8090/threads")) > 1
    end)
  end)

  for _, signal in ipairs { "QUIT", "HUP" } do
    it("leaves, and its worker ends, after SIG" .. signal, function()
      start(0)
      local pid = nginx.joined(app, 1)[1]
      local member = nginx.member(app, 1)
      hog_timers()
      app:signal(signal)
      member:says(("left 1:%s=leave"):format(pid))
      app:says("worker process " .. pid .. " exited with code 0")
    end)
  end
end)

describe("a replica without a free timer #slow", function()
  it("calls functions of the script that a request brings about", function()
    app = nginx.start(cluster, 1, "objects.conf", { SPEC_NAME = "spec" })
    app:says "^ready"
    app:request "8090/?lead+l"
    app:says "^elected l "
    app:request "8090/?hog"
    app:says "lua failed to run timer .*/hogs.lua:%d+: 5 lua_max_running_timers are not enough"
    app:request "8090/?resign+l"
    app:says "^deposed l resigned"
  end)
end)

describe("a light thread that waits for a group #slow", function()
  it("does not keep its worker from exiting", function()
    start(0)
    nginx.joined(app, 1)
    assert.equal("waits", app:request "8090/wait")
    app:signal "QUIT"
    app:says "^%d+ waited not_joined cannot wait for group 'spec': its worker is exiting and has left it$"
    assert.equal(0, (assert(app.process:wait(15))))
  end)

  it("leaves nothing behind when nginx ends it", function()
    start(0)
    nginx.joined(app, 1)
    assert.equal("gave up", app:request "8090/give_up?count=1000")
    assert.equal("0", app:request "8090/waiters")
  end)
end)

describe("ngx.exit in a handler #slow", function()
  for how, pack in pairs { ["a group"] = "no", ["a packed group"] = "yes" } do
    it("is reported, and " .. how .. " goes on with the next event", function()
      start(0, pack)
      nginx.joined(app, 1)
      for round = 1, 2 do
        assert.equal("sent", app:request "8090/send?text=do%20exit")
        assert.equal("sent", app:request "8090/send?text=after")
        app:says("^%d+ message %S+ after$", round)
      end
      app:says("group 'spec': a handler ended the group's light thread, as ngx.exit does", 2)
      assert.same({}, app:find "disconnected")
    end)
  end

  it("does not keep the group from reconnecting", function()
    start(0)
    nginx.joined(app, 1)
    assert.equal("sent", app:request "8090/send?text=do%20exit_when_lost")
    app:says "message %S+ do exit_when_lost"
    assert(cluster:kill(1))
    app:says "group 'spec': a handler ended the group's light thread"
    assert(cluster:restart(1))
    app:says("^%d+ config 1 ", 2)
    assert.equal("sent", app:request "8090/send?text=back")
    app:says "^%d+ message %S+ back$"
  end)
end)
