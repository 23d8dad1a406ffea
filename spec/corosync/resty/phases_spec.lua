-- Where groups and replicas can be made.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"
local REFUSED = "^%s %s nil wrong_phase cannot join group 'spec%%S*: in the phase '%s' each request "
  .. "would make it again: make it once, in init_worker_by_lua"

describe("making groups #slow", function()
  local cluster, app

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)
  after_each(nginx.clean)

  it("fails in init_by_lua because it is too early", function()
    app = nginx.start(cluster, 1, "init_phase.conf")
    app:says "^nil cannot join group 'early': init_by_lua runs in the master process, .*init_worker_by_lua wrong_phase$"
  end)

  it("fails in requests, with the code cache off as well", function()
    app = nginx.start(cluster, 1, "request_phases.conf")
    app:says "start worker process "
    for _, phase in ipairs { "rewrite", "access", "content", "header_filter", "log" } do
      app:request("8090/" .. phase)
      for _, made_by in ipairs { "group", "replica" } do app:says(REFUSED:format(phase, made_by, phase)) end
    end
    assert.same({}, app:find "^%d+ joined")
  end)

  it("works in timers", function()
    app = nginx.start(cluster, 1, "request_phases.conf")
    app:says "^timer group corosync.group 'spec'"
    app:says "^timer replica corosync.replica 'spec'"
    app:says "^joined$"
  end)
end)
