local KEY = require "corosync.private"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local process = require "spec_process"
local service = require "corosync.service"
local wait = require "corosync.lab.wait"

local CYCLES = tonumber(os.getenv "CYCLES") or 15

after_each(groups.clean)

describe("a service that is disconnected", function()
  local made = {}

  local function open(name, ...)
    local it = assert(service[name](...))
    made[#made + 1] = it
    return it
  end

  after_each(function()
    while #made > 0 do table.remove(made):close() end
  end)

  local function serve_until(it, condition)
    assert(wait.until_true(function()
      assert(it:dispatch())
      return condition()
    end, 60))
  end

  it("reconnects with its trackers, which can be cancelled at any time", function()
    local seen, back, lost = {}, 0, 0
    local map = open("cmap", "icmap", {
      connected = function() back = back + 1 end,
      disconnected = function() lost = lost + 1 end,
    })
    local function tracker(name)
      return assert(map:track("spec.service", function(event, _, new)
        table.insert(seen, ("%s %s %s"):format(name, event, tostring(new)))
      end))
    end
    local kept, cancelled = tracker "kept", tracker "cancelled"
    for round = 1, CYCLES / 10 do
      assert(process.shutdown(map[KEY].handle:fd()))
      serve_until(map, function() return lost == round end)
      if round == 1 then assert(cancelled:cancel()) end
      serve_until(map, function() return back == round end)
      seen = {}
      assert(map:set("spec.service", round, "u32"))
      serve_until(map, function() return #seen > 0 end)
      assert.same({ ("kept %s %d"):format(round == 1 and "add" or "modify", round) }, seen)
    end
    assert(kept:cancel())
    assert(map:delete "spec.service")
  end)

  it("works as soon as Corosync is back, before its handlers are called", function()
    local told = {}
    local map = open("cmap", "icmap", {
      connected = function() told[#told + 1] = "connected" end,
      disconnected = function(reason) told[#told + 1] = reason:match "gone" end,
    })
    for _ = 1, CYCLES / 10 do
      assert(process.shutdown(map[KEY].handle:fd()))
      local value, kind = map:get "totem.version"
      assert.same({ 2, "u32" }, { value, kind })
      assert.same({}, told)
      serve_until(map, function() return #told == 2 end)
      assert.same({ "gone", "connected" }, told)
      assert.equal(0, assert(map:dispatch()))
      told = {}
    end
  end)

  it("delivers earlier events, the disconnect, the reconnect and then new events", function()
    local told = {}
    local function say(what) return function() told[#told + 1] = what end end
    local it = open("quorum", {
      quorum_change = say "quorum", disconnected = say "disconnected", connected = say "connected",
    })
    serve_until(it, function() return #told == 1 end)
    assert(process.shutdown(it[KEY].handle:fd()))
    assert.is_true(it:quorate())
    serve_until(it, function() return #told == 4 end)
    assert.same({ "quorum", "disconnected", "connected", "quorum" }, told)
  end)

  it("delivers events queued when a handler met the disconnect", function()
    local told, map = {}
    map = open("cmap", "icmap", { connected = function() told[#told + 1] = "connected" end })
    local other = open "cmap"
    local tracker = assert(map:track("spec.queued.", function(_, key)
      told[#told + 1] = key
      if #told == 1 then
        assert(process.shutdown(map[KEY].handle:fd()))
        assert(map:get "totem.version")
      end
    end))
    for i = 1, 3 do assert(other:set("spec.queued." .. i, i, "u8")) end
    assert(map[KEY].handle:fetch(60)) -- all three: the daemon had notified of each when set returned
    serve_until(map, function() return told[#told] == "connected" end)
    assert.same({ "spec.queued.1", "spec.queued.2", "spec.queued.3", "connected" }, told)
    assert(other:delete "spec.queued.1")
    serve_until(map, function() return told[5] == "spec.queued.1" end)
    assert(tracker:cancel())
    for i = 2, 3 do assert(other:delete("spec.queued." .. i)) end
  end)

  it("reports two disconnects in order", function()
    local told = {}
    local function say(what) return function() told[#told + 1] = what end end
    local it = open("quorum", {
      quorum_change = say "quorum", disconnected = say "disconnected", connected = say "connected",
    })
    for _ = 1, 2 do
      assert(it:fetch(60))
      assert(process.shutdown(it[KEY].handle:fd()))
      assert.is_true(it:quorate())
    end
    serve_until(it, function() return #told == 7 end)
    assert.same({ "quorum", "disconnected", "connected", "quorum", "disconnected", "connected", "quorum" }, told)
  end)

  it("returns its events one at a time from receive, and nothing between them", function()
    local told = {}
    local function say(what) return function() told[#told + 1] = what end end
    local it = open("quorum", { disconnected = say "disconnected", connected = say "connected" })
    assert(it:track())
    local function receive_until(count)
      assert(wait.until_true(function()
        local event = it:receive()
        told[#told + 1] = event
        return #told == count and not event
      end, 60))
    end
    receive_until(2)
    assert(process.shutdown(it[KEY].handle:fd()))
    receive_until(6)
    assert.same({ "disconnected", "connected" }, { told[3], told[4] })
    assert.same({ told[1], told[2] }, { told[5], told[6] })
    assert.is_nil(it:timeout())
    assert.is_false(it:wait(0.05))
  end)

  it("can be stopped by its reconnected handler, before later events", function()
    local told, it = {}, nil
    it = open("quorum", {
      quorum_change = function() told[#told + 1] = "quorum" end,
      connected = function()
        told[#told + 1] = "connected"
        it:stop()
      end,
    })
    serve_until(it, function() return #told == 1 end)
    assert(process.shutdown(it[KEY].handle:fd()))
    serve_until(it, function() return it:is_connected() and #told == 2 end)
    assert(it[KEY].handle:wait(60))
    assert.same({ "quorum", "connected" }, told)
    serve_until(it, function() return #told == 3 end)
    assert.equal("quorum", told[3])
  end)

  it("returns its trackers' changes from receive without handlers, and none of a cancelled tracker", function()
    local map, other = open "cmap", open "cmap"
    local tracker = assert(map:track "spec.received.")
    assert(other:set("spec.received.1", 1, "u8"))
    local event, kind, key
    assert(wait.until_true(function()
      event, kind, key = map:receive()
      return event
    end, 60))
    assert.same({ "change", "add", "spec.received.1" }, { event, kind, key })
    assert(other:set("spec.received.2", 2, "u8"))
    assert(map:fetch(60))
    assert(process.shutdown(map[KEY].handle:fd()))
    assert(map:get "totem.version")
    assert(tracker:cancel())
    assert(wait.until_true(function()
      assert.is_nil((map:receive()))
      return not map[KEY].pending[1]
    end, 60))
    for i = 1, 2 do assert(other:delete("spec.received." .. i)) end
    assert.is_nil((map:receive()))
    assert.error_matches(function() map:track("spec.", false) end, "function expected")
  end)

  it("reconnects after an attempt raised, and reports the error", function()
    local problem, back
    local it = open("quorum", {
      error = function(message) problem = message end,
      connected = function() back = true end,
    })
    local opener = it[KEY].open
    it[KEY].open = function()
      it[KEY].open = opener
      error "not enough memory"
    end
    assert(process.shutdown(it[KEY].handle:fd()))
    serve_until(it, function() return back end)
    assert.matches("not enough memory", problem)
  end)

  it("does not restore a tracker that the script cancelled", function()
    local told, back = 0, false
    local it = open("quorum", {
      quorum_change = function() told = told + 1 end,
      connected = function() back = true end,
    })
    serve_until(it, function() return told == 1 end)
    assert(it:untrack())
    assert(process.shutdown(it[KEY].handle:fd()))
    serve_until(it, function() return back end)
    assert.is_false(it:wait(0.1))
    assert.equal(1, told)
    assert(it:track())
    serve_until(it, function() return told == 2 end)
  end)

  it("does not connect for methods that need no connection", function()
    local map = open "cmap"
    assert(process.shutdown(map[KEY].handle:fd()))
    serve_until(map, function() return not map:is_connected() end)
    map:stop()
    assert.is_nil(map:timeout())
    assert.is_false(map:is_connected())
    assert(map:get "totem.version")
    assert.is_true(map:is_connected())
  end)

  it("survives handlers that raise, including the error handler", function()
    local told = {}
    local map = open("cmap", "icmap", {
      disconnected = function() error "lost" end,
      error = function(message)
        told[#told + 1] = message
        error "and the error handler"
      end,
      connected = function() told[#told + 1] = "connected" end,
    })
    assert(process.shutdown(map[KEY].handle:fd()))
    serve_until(map, function() return #told == 2 end)
    assert.matches("service_spec.lua:%d+: lost\nstack traceback", told[1])
    assert.equal("connected", told[2])
  end)

  it("delivers quorum again", function()
    local told, lost = 0, 0
    local it = open("quorum", {
      quorum_change = function() told = told + 1 end,
      disconnected = function() lost = lost + 1 end,
    })
    serve_until(it, function() return told == 1 end)
    assert(process.shutdown(it[KEY].handle:fd()))
    serve_until(it, function() return lost == 1 and told == 2 end)
    assert.is_true(it:quorate())
  end)

  it("shares its metatable with the others", function()
    assert.equal(getmetatable(open "cmap"), getmetatable(open "quorum"))
  end)

  it("has its handle's methods only and is not a group", function()
    local it = open "votequorum"
    assert.equal("table", type(assert(it:info())))
    assert.is_nil(it.activate)
    assert.matches("^corosync.service votequorum %(open%)$", tostring(it))
    assert.is_true(it:close())
    assert.equal("closed", select(3, it:dispatch()))
    assert.equal("closed", select(3, it:fd()))
    assert.equal("closed", select(3, it:info()))
    assert.is_true(it:close())
  end)

  it("fails without a trusted daemon and raises for wrong arguments", function()
    assert.equal("access", select(3, service.cfg { daemon_user = 12345 }))
    assert.error_matches(function() service.cmap("icmap", 5) end, "bad argument #2 'handlers' to 'cmap'")
    assert.error_matches(function() service.quorum "x" end, "bad argument #1 'handlers' to 'quorum'")
    local map = open "cmap"
    for message, action in pairs {
      ["#1 to 'quorum' %(unknown field 'quorum_chang': did you mean 'quorum_change'%?%)"] =
        function() service.quorum { quorum_chang = print } end,
      ["#3 to 'set' %(invalid option 'uint32': i8, u8, .*, string or binary expected%)"] =
        function() map:set("spec.x", 1, "uint32") end,
      ["#2 to 'track' %(function expected, got string%)"] = function() map:track("spec.", "x") end,
      ["#1 to 'get' %(string expected, got no value%)"] = function() map:get() end,
    } do
      local _, raised = pcall(action)
      assert.matches("^spec/corosync/service_spec.lua:%d+: bad argument " .. message, raised)
    end
  end)

  it("runs in the loop", function()
    local back
    local it = open("cmap", nil, { connected = function()
      back = true
      corosync.loop.stop()
    end })
    assert(corosync.loop.add(it))
    assert(process.shutdown(it[KEY].handle:fd()))
    corosync.loop.run()
    assert.is_true(back)
    corosync.loop.remove(it)
  end)
end)
