-- What cpgrun tells about a running script.
local json = require "dkjson"
local program = require "spec.helpers.program"

local cpgrun, line = program.cpgrun, program.line

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
          repeat sleep(0.01) until status.snapshot().group.received == 1
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
