-- Connections that are lost, again and again, on the daemon of the node that the specs run in.
local core = require "corosync.core"
local corosync = require "corosync"
local groups = require "spec.support.groups"
local handles = require "spec.support.handles"
local process = require "spec_process"
local service = require "corosync.service"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local CYCLES = tonumber(os.getenv "CYCLES") or 15

local function lines_of(command)
  local pipe = io.popen(command)
  local count = 0
  for _ in pipe:lines() do count = count + 1 end
  pipe:close()
  return count
end

-- Descriptors, threads and files in /dev/shm. The pid as /proc has it here.
local function belongings()
  local stat = io.open "/proc/self/stat"
  local pid = stat:read "*n"
  stat:close()
  return {
    descriptors = process.descriptors(),
    threads = lines_of(("ls /proc/%d/task"):format(pid)),
    files = lines_of "ls /dev/shm",
  }
end

local function memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

-- The connection: what a reader's descriptor is readable for first, or the descriptor itself.
local function socket_of(handle)
  local file = io.open(("/proc/self/fdinfo/%d"):format(handle:fd()))
  local socket
  for fd in file:read("*a"):gmatch "tfd:%s+(%d+)" do
    socket = math.min(socket or math.huge, tonumber(fd))
  end
  file:close()
  return socket or handle:fd()
end

after_each(groups.clean)

describe("a group whose connection is lost", function()
  local function lasting(more)
    local seen = { joins = 0, losses = 0 }
    local handlers = {
      config_change = function(_, _, joined) seen.joins = seen.joins + #joined end,
      disconnected = function() seen.losses = seen.losses + 1 end,
      message_received = function(_, message) seen.message = message end,
    }
    for name, value in pairs(more or {}) do handlers[name] = value end
    return groups.joined(handlers), seen
  end

  local function lose(group)
    assert(process.shutdown(socket_of(group._handle)))
  end

  local function cycle(group, seen, number)
    lose(group)
    assert(groups.eventually(function() return seen.losses == number end))
    assert(groups.eventually(function() return seen.joins == number + 1 end))
    assert(group:send_message("cycle " .. number))
    assert(groups.eventually(function() return seen.message == "cycle " .. number end))
  end

  for _, case in ipairs { { "plain", {} }, { "with a reader", { reader = true } },
    { "with views", { view_change = function() end } } } do
    it("comes back, " .. case[1] .. ", and leaves nothing behind", function()
      local group, seen = lasting(case[2])
      local own = group:address()
      for i = 1, 5 do cycle(group, seen, i) end
      local used, before = memory(), belongings()
      for i = 6, CYCLES do cycle(group, seen, i) end
      assert.is_true(memory() - used < 50)
      assert.same(before, belongings())
      assert.equal(own, group:address())
    end)
  end

  it("is told of it once, and may leave or send in that handler", function()
    local answers, group = {}, nil
    group = lasting {
      disconnected = function()
        table.insert(answers, select(3, group:send_message "x"))
        table.insert(answers, tostring(group:activate()))
        table.insert(answers, tostring(group:deactivate()))
      end,
    }
    lose(group)
    assert(groups.eventually(function() return #answers > 0 end))
    assert.same({ "not_connected", "true", "true" }, answers)
    assert.equal("idle", groups.state(group))
    assert.is_false(group:is_active())
    assert(group:activate())
    assert(groups.reaches(group, "joined"))
  end)

  it("comes back in steps, too", function()
    local group, seen = lasting()
    lose(group)
    assert(wait.until_true(function()
      group:step()
      return seen.losses == 1 and seen.joins == 2
    end, 10))
  end)

  it("comes back also when a try raises, and reports that", function()
    local problem
    local group, seen = lasting { error = function(message) problem = message end }
    local open = core.cpg.open
    finally(function() core.cpg.open = open end)
    core.cpg.open = function()
      core.cpg.open = open
      error "not enough memory"
    end
    lose(group)
    assert(groups.eventually(function() return seen.joins == 2 end))
    assert.matches("not enough memory", problem)
  end)

  it("reports once what keeps it away, if that is not Corosync's absence", function()
    local problems = {}
    local group, seen = lasting { error = function(message) table.insert(problems, message) end }
    local open, tries = core.cpg.open, 0
    finally(function() core.cpg.open = open end)
    core.cpg.open = function()
      tries = tries + 1
      if tries == 1 then return nil, "the daemon has not noticed yet", "exist" end
      return nil, "no more handles", "no_resources"
    end
    lose(group)
    assert(groups.eventually(function() return tries == 4 end))
    assert.same({ "no more handles" }, problems)
    core.cpg.open = open
    assert(groups.eventually(function() return seen.joins == 2 end))
  end)

  it("goes and comes back as well when only what tells of quorum is lost", function()
    local told = {}
    local group = lasting { view_change = function(view)
      told[#told + 1] = ("%s, %d"):format(tostring(view.quorate), #view.members)
    end, disconnected = function() told[#told + 1] = "lost" end }
    assert(groups.eventually(function() return #told == 1 end))
    assert(process.shutdown(group._views:fd()))
    assert(groups.eventually(function() return #told == 3 end))
    assert.same({ "true, 1", "lost", "true, 1" }, told)
  end)

  it("notices the loss while a view is overdue, after what had come before", function()
    local told = {}
    local group = groups.new {
      view_change = function() end,
      message_received = function(_, message) told[#told + 1] = message end,
      disconnected = function() told[#told + 1] = "lost" end,
    }
    assert(group:activate())
    -- One event at a time, and then no turn for the view that it makes due.
    assert(wait.until_true(function()
      group:dispatch(1)
      return group._overdue
    end, 10))
    for _ = 1, 3 do assert(group:send_message "before") end
    assert(group._handle:wait(10))
    assert(process.shutdown(group._views:fd()))
    local rounds = 0
    assert(group:wait_for(function()
      rounds = rounds + 1
      return told[#told] == "lost"
    end))
    assert.equal("before", told[1])
    assert.is_true(rounds < 100)
  end)

  it("notices that loss though what waits is more than can be told in time", function()
    local MANY, handled = 4000, 0
    local at_loss
    local group, seen = lasting {
      window = MANY,
      view_change = function() end,
      message_received = function()
        uv.sleep(1)
        handled = handled + 1
      end,
      disconnected = function() at_loss = handled end,
    }
    for _ = 1, MANY do assert(group:send_message "much") end
    assert(process.shutdown(group._views:fd()))
    assert(groups.eventually(function() return at_loss end))
    assert.is_true(at_loss > 0 and at_loss < MANY)
    assert(groups.eventually(function() return seen.joins == 2 end))
  end)

  it("gives no old view when what tells of quorum is lost", function()
    local group, seen = lasting()
    assert(group:view())
    assert(process.shutdown(group._views:fd()))
    assert.equal("not_connected", select(3, group:view()))
    assert(groups.eventually(function() return seen.losses == 1 and seen.joins == 2 end))
    assert(group:view())
  end)

  it("waits without work until it is time", function()
    local group, seen = lasting()
    lose(group)
    assert(group:wait_for(function() return seen.losses == 1 end))
    local turns = 0
    repeat
      assert(group:dispatch() == 0)
      turns = turns + 1
      group._retry.timer:wait(10)
    until group._retry.at <= core.now()
    assert.is_true(turns < 5)
    assert(groups.reaches(group, "joined"))
  end)

  it("comes back in the loop when only its view was asked for and could not be given", function()
    local seen
    local group = lasting { disconnected = function() seen = "lost" end, config_change = function()
      if seen == "lost" then corosync.loop.stop() end
    end }
    assert(group:view())
    assert(corosync.loop.add(group))
    local timer, code = uv.new_timer(), nil
    timer:start(50, 0, function()
      process.shutdown(group._views:fd())
      code = select(3, group:view())
    end)
    local late = uv.new_timer()
    late:start(10000, 0, function()
      seen = "late"
      corosync.loop.stop()
    end)
    corosync.loop.run()
    timer:close()
    late:close()
    assert.equal("not_connected", code)
    assert.equal("lost", seen)
    assert(groups.eventually(function() return group:view() end))
  end)

  it("stays unreferenced in the loop", function()
    local joins = 0
    local group = lasting { config_change = function(_, _, joined)
      joins = joins + #joined
      if joins == 2 then corosync.loop.stop() end
    end }
    assert(corosync.loop.add(group))
    corosync.loop.unref(group)
    local late = uv.new_timer()
    late:start(10000, 0, corosync.loop.stop)
    late:unref()
    corosync.loop.run()
    late:close()
    assert.equal(1, joins)
    lose(group)
    local keep = uv.new_timer()
    keep:start(10000, 0, function() end)
    corosync.loop.run()
    keep:close()
    assert.equal(2, joins)
    corosync.loop.run()
    assert.is_true(group:is_active())
  end)

  it("stays out when it has left since handlers lag, until it is told to come back", function()
    local reasons = {}
    local group = groups.joined {
      reader = { after = 0, limit = 10000 },
      disconnected = function(reason) table.insert(reasons, reason) end,
    }
    handles.flood(group.name, 100, 1000)
    assert(groups.eventually(function() return #reasons > 0 end))
    assert.matches("its handlers lag", reasons[1])
    assert.equal("idle", groups.state(group))
    assert.equal(1, #reasons)
    assert(group:activate())
    assert(groups.reaches(group, "joined"))
  end)

  it("leaves as it is told to by a handler when it has left since that lags", function()
    local answers, reasons, group = {}, {}, nil
    group = groups.joined {
      reader = { after = 0, limit = 100000 },
      message_received = function(_, message)
        if message == "go" then
          handles.flood(group.name, 200, 1000)
          local deadline = os.time() + 20
          repeat
            local ok, why, code = group:send_message "x"
            answers = ok and {} or { why, code }
            assert(os.time() < deadline, why)
          until code == "not_joined"
          answers.left = group:deactivate()
        end
      end,
      disconnected = function(reason) table.insert(reasons, reason) end,
    }
    assert(group:send_message "go")
    assert(groups.eventually(function() return #reasons > 0 end))
    assert.equal("not_joined", answers[2])
    assert.matches("its reader has left the group because handlers lag", answers[1])
    assert.is_true(answers.left)
    assert.matches("its handlers lag", reasons[1])
    assert.is_false(group:is_active())
    assert(group:activate())
    assert(groups.reaches(group, "joined"))
  end)
end)

describe("a service whose connection is lost", function()
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
    end, 10))
  end

  it("comes back with its trackers, which can be cancelled at any time", function()
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
      assert(process.shutdown(map._handle:fd()))
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

  it("works as soon as Corosync is there, before its handlers are told", function()
    local told = {}
    local map = open("cmap", "icmap", {
      connected = function() told[#told + 1] = "connected" end,
      disconnected = function(reason) told[#told + 1] = reason:match "gone" end,
    })
    for _ = 1, CYCLES / 10 do
      assert(process.shutdown(map._handle:fd()))
      local value, kind = map:get "totem.version"
      assert.same({ 2, "u32" }, { value, kind })
      assert.same({}, told)
      serve_until(map, function() return #told == 2 end)
      assert.same({ "gone", "connected" }, told)
      assert.equal(0, assert(map:dispatch()))
      told = {}
    end
  end)

  it("tells what has come before, that it is lost, that it is back, and then what is new", function()
    local told = {}
    local function say(what) return function() told[#told + 1] = what end end
    local it = open("quorum", {
      quorum_change = say "quorum", disconnected = say "disconnected", connected = say "connected",
    })
    serve_until(it, function() return #told == 1 end)
    assert(process.shutdown(it._handle:fd()))
    assert.is_true(it:quorate())
    serve_until(it, function() return #told == 4 end)
    assert.same({ "quorum", "disconnected", "connected", "quorum" }, told)
  end)

  it("tells also what was queued when a handler met the loss", function()
    local told, map = {}
    map = open("cmap", "icmap", { connected = function() told[#told + 1] = "connected" end })
    local other = open "cmap"
    local tracker = assert(map:track("spec.queued.", function(_, key)
      told[#told + 1] = key
      if #told == 1 then
        assert(process.shutdown(map._handle:fd()))
        assert(map:get "totem.version")
      end
    end))
    for i = 1, 3 do assert(other:set("spec.queued." .. i, i, "u8")) end
    local fetched = 0
    while fetched < 3 do
      assert(map._handle:fetch(1))
      fetched = fetched + 1
    end
    serve_until(map, function() return told[#told] == "connected" end)
    assert.same({ "spec.queued.1", "spec.queued.2", "spec.queued.3", "connected" }, told)
    assert(other:delete "spec.queued.1")
    serve_until(map, function() return told[5] == "spec.queued.1" end)
    assert(tracker:cancel())
    for i = 2, 3 do assert(other:delete("spec.queued." .. i)) end
  end)

  it("tells two losses in order", function()
    local told = {}
    local function say(what) return function() told[#told + 1] = what end end
    local it = open("quorum", {
      quorum_change = say "quorum", disconnected = say "disconnected", connected = say "connected",
    })
    for _ = 1, 2 do
      assert(it:fetch(10))
      assert(process.shutdown(it._handle:fd()))
      assert.is_true(it:quorate())
    end
    serve_until(it, function() return #told == 7 end)
    assert.same({ "quorum", "disconnected", "connected", "quorum", "disconnected", "connected", "quorum" }, told)
  end)

  it("gives its events one at a time as well, and is quiet between them", function()
    local told = {}
    local function say(what) return function() told[#told + 1] = what end end
    local it = open("quorum", { disconnected = say "disconnected", connected = say "connected" })
    assert(it:track())
    local function receive_until(count)
      assert(wait.until_true(function()
        local event = it:receive()
        told[#told + 1] = event
        return #told == count and not event
      end, 10))
    end
    receive_until(2)
    assert(process.shutdown(it._handle:fd()))
    receive_until(6)
    assert.same({ "disconnected", "connected" }, { told[3], told[4] })
    assert.same({ told[1], told[2] }, { told[5], told[6] })
    assert.is_nil(it:timeout())
    assert.is_false(it:wait(0.05))
  end)

  it("is stopped by a handler of its being there again, before its events", function()
    local told, it = {}, nil
    it = open("quorum", {
      quorum_change = function() told[#told + 1] = "quorum" end,
      connected = function()
        told[#told + 1] = "connected"
        it:stop()
      end,
    })
    serve_until(it, function() return #told == 1 end)
    assert(process.shutdown(it._handle:fd()))
    serve_until(it, function() return it:is_connected() and #told == 2 end)
    assert(it._handle:wait(10))
    assert.same({ "quorum", "connected" }, told)
    serve_until(it, function() return #told == 3 end)
    assert.equal("quorum", told[3])
  end)

  it("has trackers without a function for who receives, and none of a cancelled one's changes", function()
    local map, other = open "cmap", open "cmap"
    local tracker = assert(map:track "spec.received.")
    assert(other:set("spec.received.1", 1, "u8"))
    local event, kind, key
    assert(wait.until_true(function()
      event, kind, key = map:receive()
      return event
    end, 10))
    assert.same({ "change", "add", "spec.received.1" }, { event, kind, key })
    assert(other:set("spec.received.2", 2, "u8"))
    assert(map:fetch(10))
    assert(process.shutdown(map._handle:fd()))
    assert(map:get "totem.version")
    assert(tracker:cancel())
    assert(wait.until_true(function()
      assert.is_nil((map:receive()))
      return not map._before[1]
    end, 10))
    for i = 1, 2 do assert(other:delete("spec.received." .. i)) end
    assert.is_nil((map:receive()))
    assert.error_matches(function() map:track("spec.", false) end, "function expected")
  end)

  it("comes back also when a try raises, and reports that", function()
    local problem, back
    local it = open("quorum", {
      error = function(message) problem = message end,
      connected = function() back = true end,
    })
    local opener = it._open
    it._open = function()
      it._open = opener
      error "not enough memory"
    end
    assert(process.shutdown(it._handle:fd()))
    serve_until(it, function() return back end)
    assert.matches("not enough memory", problem)
  end)

  it("does not track again what the script has ended", function()
    local told, back = 0, false
    local it = open("quorum", {
      quorum_change = function() told = told + 1 end,
      connected = function() back = true end,
    })
    serve_until(it, function() return told == 1 end)
    assert(it:untrack())
    assert(process.shutdown(it._handle:fd()))
    serve_until(it, function() return back end)
    assert.is_false(it:wait(0.1))
    assert.equal(1, told)
    assert(it:track())
    serve_until(it, function() return told == 2 end)
  end)

  it("connects for nothing that is no question to Corosync", function()
    local map = open "cmap"
    assert(process.shutdown(map._handle:fd()))
    serve_until(map, function() return not map:is_connected() end)
    map:stop()
    assert.is_nil(map:timeout())
    assert.is_false(map:is_connected())
    assert(map:get "totem.version")
    assert.is_true(map:is_connected())
  end)

  it("lives through handlers that raise, the error handler, too", function()
    local told = {}
    local map = open("cmap", "icmap", {
      disconnected = function() error "lost" end,
      error = function(message)
        told[#told + 1] = message
        error "and the error handler"
      end,
      connected = function() told[#told + 1] = "connected" end,
    })
    assert(process.shutdown(map._handle:fd()))
    serve_until(map, function() return #told == 2 end)
    assert.matches("reconnect_spec.lua:%d+: lost\nstack traceback", told[1])
    assert.equal("connected", told[2])
  end)

  it("is told of quorum again", function()
    local told, lost = 0, 0
    local it = open("quorum", {
      quorum_change = function() told = told + 1 end,
      disconnected = function() lost = lost + 1 end,
    })
    serve_until(it, function() return told == 1 end)
    assert(process.shutdown(it._handle:fd()))
    serve_until(it, function() return lost == 1 and told == 2 end)
    assert.is_true(it:quorate())
  end)

  it("has its handle's methods and no others, and is no group", function()
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

  it("is refused without a daemon that it trusts, and for wrong arguments", function()
    assert.equal("access", select(3, service.cfg { daemon_user = 12345 }))
    assert.error_matches(function() service.cmap("icmap", 5) end, "bad argument #2 'handlers' to 'cmap'")
    assert.error_matches(function() service.quorum "x" end, "bad argument #1 'handlers' to 'quorum'")
    local map = open "cmap"
    for message, action in pairs {
      ["#1 to 'quorum' %(unknown field 'quorum_chang'%)"] = function() service.quorum { quorum_chang = print } end,
      ["#3 to 'set' %(invalid option 'uint32'%)"] = function() map:set("spec.x", 1, "uint32") end,
      ["#2 to 'track' %(function expected, got string%)"] = function() map:track("spec.", "x") end,
      ["#1 to 'get' %(string expected, got no value%)"] = function() map:get() end,
    } do
      local _, raised = pcall(action)
      assert.matches("^spec/reconnect_spec.lua:%d+: bad argument " .. message, raised)
    end
  end)

  it("is served by the loop", function()
    local back
    local it = open("cmap", nil, { connected = function()
      back = true
      corosync.loop.stop()
    end })
    assert(corosync.loop.add(it))
    assert(process.shutdown(it._handle:fd()))
    corosync.loop.run()
    assert.is_true(back)
    corosync.loop.remove(it)
  end)
end)
