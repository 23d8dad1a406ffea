local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"

describe("a handle in the loop whose daemon is killed", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)
  before_each(function()
    if not cluster:members(1) then assert(cluster:restart(1)) end
  end)

  -- A program in the node with three handles, which prints the outcome of its loop.
  local function start(third)
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync"
      local uv = require "luv"
      local function lost(name) return function(reason) print(name, type(reason)) end end
      local map = assert(corosync.cmap.open())
      assert(map:track("spec.", print))
      local quorum = assert(corosync.quorum.open { quorum_change = function() print "ready" end })
      local cpg = assert(corosync.cpg.open {})
      assert(corosync.loop.add(map, lost "map"))
      assert(corosync.loop.add(quorum, lost "quorum"))
      assert(corosync.loop.add(cpg, ]] .. third .. [[))
      corosync.loop.run()
      print "end" ]] }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 60))
    assert.equal("ready", program.lines[1], table.concat(program.errors, "\n"))
    return program
  end

  local function finish(program)
    assert.equal(0, assert(program:wait(60)), table.concat(program.errors, "\n"))
    local lines = { (table.unpack or unpack)(program.lines, 2, #program.lines - 1) } -- luacheck: globals unpack
    table.sort(lines)
    assert.equal("end", program.lines[#program.lines])
    return lines
  end

  -- luv writes a line when a socket ends with something unread, and AddressSanitizer where it has no /proc of its own.
  local function complaints(program)
    local list = {}
    for _, text in ipairs(program.errors) do
      if not text:match "^EBADF: " and not text:match "^==%d+==WARNING: reading executable name" then
        list[#list + 1] = text
      end
    end
    return list
  end

  for what, method in pairs { killed = "kill", ["ended in an orderly way"] = "stop_daemon" } do
    it("calls the function given for that and leaves the loop: " .. what, function()
      local program = start [[lost "cpg"]]
      assert(cluster[method](cluster, 1))
      assert.same({ "cpg\tstring", "map\tstring", "quorum\tstring" }, finish(program))
      assert.same({}, complaints(program))
    end)
  end

  it("is reported on standard error without such a function", function()
    local program = start "nil"
    assert(cluster:kill(1))
    assert.same({ "map\tstring", "quorum\tstring" }, finish(program))
    local said = complaints(program)
    assert.equal(1, #said)
    assert.matches("^corosync: cannot dispatch cpg: .*gone", said[1])
  end)
end)
