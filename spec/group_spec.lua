-- Groups, with the real daemon of this node; where a daemon has to die or to stall, with a lab of its own.

local corosync = require "corosync"
local groups = require "spec.support.groups"
local lab = require "corosync.lab"
local uv = require "luv"
local process = require "spec_process"
local wait = require "corosync.lab.wait"

local LONGEST_MESSAGE = 1047552

local eventually, joined, new, reaches, state =
  groups.eventually, groups.joined, groups.new, groups.reaches, groups.state

-- Fails with nil, a message and that code.
local function refused(code, ok, message, got)
  assert.is_nil(ok)
  assert.equal("string", type(message))
  assert.equal(code, got)
  return message
end

-- Raises at the line in this file that calls, with a message that has that text.
local function raises(text, action)
  local ok, message = pcall(action)
  assert.is_false(ok)
  assert.truthy(message:find(text, 1, true), message)
  assert.matches("group_spec.lua:%d+:", message)
end

-- An address's reason is that of the latest event, so it is kept as it is now.
local function with_reasons(addresses)
  local list = {}
  for i, address in ipairs(addresses) do
    list[i] = { address = address, reason = address.reason }
  end
  return list
end

-- Handlers that keep what they are called with.
local function recorder()
  local seen = { configs = {}, messages = {} }
  return {
    config_change = function(members, left, came)
      seen.configs[#seen.configs + 1] = { members = members, left = with_reasons(left), joined = with_reasons(came) }
    end,
    message_received = function(address, message)
      seen.messages[#seen.messages + 1] = { address = address, text = message }
    end,
  }, seen
end

local function texts(seen)
  local list = {}
  for i, message in ipairs(seen.messages) do
    list[i] = message.text
  end
  return list
end

describe("making a group", function()
  it("wants a name", function()
    raises("'name' to 'group' (string expected, got nil)", function() corosync.group() end)
    raises("'name' to 'group' (string expected, got table)", function() corosync.group({}) end)
  end)

  it("wants a name of 1 to 128 bytes", function()
    raises("'name' to 'group' (1 to 128 bytes expected, got 0)", function() corosync.group("", {}) end)
    raises("'name' to 'group' (1 to 128 bytes expected, got 129)", function() corosync.group(("n"):rep(129), {}) end)
  end)

  it("wants a table of handlers", function()
    raises("'handlers' to 'group' (table expected, got nil)", function() corosync.group("name") end)
    raises("'handlers' to 'group' (table expected, got function)", function() corosync.group("name", print) end)
  end)

  it("names a handler that it does not know", function()
    raises("unknown field 'message_recieved': did you mean 'message_received'?", function()
      corosync.group("name", { message_recieved = print })
    end)
    raises("unknown field '1'", function() corosync.group("name", { print }) end)
  end)

  it("names a handler that is no function", function()
    raises("field 'config_change': function expected, got table", function()
      corosync.group("name", { config_change = {} })
    end)
    raises("field 'split': boolean expected, got number", function() corosync.group("name", { split = 1 }) end)
  end)

  it("names an option that the connection would refuse", function()
    raises("#2 'handlers' to 'group' (field 'window' is a number, and a number of messages from 1 on is expected)",
      function() corosync.group("name", { window = 0 }) end)
    raises("#2 'handlers' to 'group' (unknown field 'bytes')", function()
      corosync.group("name", { reader = { bytes = 1 } })
    end)
    local Class = { daemon_user = -1 }
    Class.__index = Class
    raises("#2 'handlers' to 'group' (field 'daemon_user' is a number", function() corosync.group("name", Class) end)
  end)

  it("reaches no Corosync yet", function()
    local group = corosync.group("name", {})
    assert.is_false(group:is_active())
    refused("not_joined", group:fd())
    refused("not_joined", group:dispatch())
    refused("not_joined", group:wait_for(function() end, 0))
  end)

  it("shows the name escaped, and what the group does", function()
    assert.matches([[^corosync%.group 'a\0+b' %(idle%)$]], tostring(corosync.group("a\0b", {})))
  end)
end)

describe("a group", function()
  after_each(groups.clean)

  it("tells its own join", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert.equal(1, #seen.configs)
    local config = seen.configs[1]
    assert.equal(1, #config.members)
    assert.equal(0, #config.left)
    assert.equal(1, #config.joined)
    assert.equal("join", config.joined[1].reason)
    local own = config.joined[1].address
    assert.is_true(own == config.members[1])
    assert.equal((group:cmap_get "nodelist.node.0.nodeid"), own.node)
    assert.equal(uv.os_getpid(), own.pid)
    assert.is_true(group:is_active())
  end)

  it("takes names of 1 and of 128 bytes", function()
    for _, name in ipairs { "n", ("n"):rep(128) } do
      local handlers, seen = recorder()
      local group = joined(handlers, name)
      assert(group:send_message "hello")
      assert(eventually(function() return #seen.messages == 1 end))
      assert.equal(1, #group:members())
    end
  end)

  it("takes names with NUL bytes, to their end", function()
    local handlers, seen = recorder()
    local other_handlers, other_seen = recorder()
    local one, other = joined(handlers, "spec\0one"), joined(other_handlers, "spec\0other")
    assert(one:send_message "for one")
    assert(other:send_message "for other")
    assert(eventually(function() return #seen.messages == 1 and #other_seen.messages == 1 end))
    assert.same({ "for one" }, texts(seen))
    assert.same({ "for other" }, texts(other_seen))
  end)

  it("knows its address before it is active", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    local before = assert(group:address())
    assert.is_false(group:is_active())
    assert(group:activate())
    assert(reaches(group, "joined"))
    assert.is_true(before == seen.configs[1].joined[1].address)
    assert.is_true(before == group:address())
  end)

  it("waits for the join before it sends", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    assert(group:activate())
    assert.equal(0, #seen.configs)
    assert.is_true(group:send_message "early")
    assert.equal(1, #seen.configs)
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal("early", seen.messages[1].text)
    assert.is_true(seen.messages[1].address == group:address())
  end)

  it("sends an array of strings as one message", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:send_message { "one", "", "\0", "two" })
    assert(group:send_message {})
    assert(group:send_message "")
    assert(eventually(function() return #seen.messages == 3 end))
    assert.same({ "one\0two", "", "" }, texts(seen))
  end)

  it("sends in either order", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert.is_true(group:send_message("a", "agreed"))
    assert.is_true(group:send_message("f", "fifo"))
    assert(eventually(function() return #seen.messages == 2 end))
  end)

  it("sends strings only", function()
    local group = joined()
    local function wrong(number, ...)
      local ok, message = pcall(function(...) group:send_message(...) end, ...)
      assert.is_false(ok)
      assert.matches(("group_spec%%.lua:%%d+: bad argument #%d to 'send_message'"):format(number), message)
    end
    for _, other in ipairs { true, { {} }, { "text", false }, print } do
      wrong(1, other)
    end
    wrong(1)
    wrong(2, "u", "unordered")
    wrong(2, "u", 1)
  end)

  it("sends only while it is active", function()
    local group = new()
    refused("not_joined", group:send_message "before")
    assert(group:activate())
    assert(reaches(group, "joined"))
    assert(group:deactivate())
    refused("not_joined", group:send_message "leaving")
    assert(reaches(group, "idle"))
    refused("not_joined", group:send_message "after")
  end)

  it("sends up to the longest message that Corosync keeps whole", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    refused("too_big", group:send_message(("x"):rep(LONGEST_MESSAGE + 1)))
    refused("too_big", group:send_message { ("x"):rep(LONGEST_MESSAGE), "x" })
    assert.is_true(group:send_message(("x"):rep(LONGEST_MESSAGE)))
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal(LONGEST_MESSAGE, #seen.messages[1].text)
  end)

  it("sends up to 63 strings at once", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    local strings = {}
    for i = 1, 64 do strings[i] = "x" end
    refused("too_many", group:send_message(strings))
    strings[64] = nil
    assert.is_true(group:send_message(strings))
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal(("x"):rep(63), seen.messages[1].text)
  end)

  it("sends inside its handlers", function()
    local group, outcomes, received = nil, {}, {}
    group = new {
      config_change = function() outcomes[#outcomes + 1] = group:send_message "from config_change" end,
      ring_change = function() outcomes[#outcomes + 1] = group:send_message "from ring_change" end,
      message_received = function(_, message)
        received[#received + 1] = message
        if #received < 5 then outcomes[#outcomes + 1] = group:send_message("after " .. #received) end
      end,
    }
    assert(group:activate())
    assert(eventually(function() return #received == 6 end))
    assert.same({ "from config_change", "from ring_change", "after 1", "after 2", "after 3", "after 4" }, received)
    assert.same({ true, true, true, true, true, true }, outcomes)
  end)

  it("sends more inside a handler than Corosync holds", function()
    local group, received = nil, {}
    group = joined {
      message_received = function(_, message)
        received[#received + 1] = message
        if message == "go" then
          for i = 1, 3000 do assert(group:send_message(tostring(i))) end
        end
      end,
    }
    assert(group:send_message "go")
    assert(eventually(function() return #received == 3001 end))
    for i = 1, 3000 do assert.equal(tostring(i), received[i + 1]) end
  end)

  it("fails with backlog while too much of what was sent is not handled, and goes on when it is", function()
    local handled, sent, ok, why, code = 0, 0
    local group = joined { reader = { limit = 100000 }, message_received = function() handled = handled + 1 end }
    repeat
      ok, why, code = group:send_message(("x"):rep(1000))
      sent = ok and sent + 1 or sent
    until not ok
    assert.matches("wait to be handled: handle events", refused("backlog", ok, why, code))
    assert.is_true(sent >= 20 and sent <= 25, sent)
    assert.equal(0, handled)
    assert(eventually(function() return handled == sent end))
    assert(group:send_message "again")
  end)

  it("waits for no room with its timeout at 0", function()
    local handled, sent = 0, 0
    local group = joined { message_received = function() handled = handled + 1 end }
    local message, ok, problem, code = ("x"):rep(LONGEST_MESSAGE), true, nil, nil
    group.timeout = 0
    while ok and sent < 1000 do
      ok, problem, code = group:send_message(message)
      sent = sent + (ok and 1 or 0)
    end
    refused("timeout", ok, problem, code)
    assert.equal(0, handled)
    assert(eventually(function() return handled == sent end))
    assert(group:send_message "x")
    assert(eventually(function() return handled == sent + 1 end))
  end)

  it("tells its own leaving and is inactive then", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert.is_true(group:deactivate())
    assert.is_false(group:is_active())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
    local config = seen.configs[2]
    assert.equal(0, #config.members)
    assert.equal(0, #config.joined)
    assert.equal(1, #config.left)
    assert.equal("leave", config.left[1].reason)
    assert.is_true(config.left[1].address == group:address())
    refused("not_joined", group:fd())
  end)

  it("does nothing when it is activated or deactivated twice", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    assert.is_true(group:deactivate())
    assert.is_true(group:activate())
    assert.is_true(group:activate())
    assert(reaches(group, "joined"))
    assert.is_true(group:activate())
    assert.is_true(group:deactivate())
    assert.is_true(group:deactivate())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
  end)

  it("can be activated again", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    for _ = 1, 2 do
      assert(group:deactivate())
      assert(reaches(group, "idle"))
      assert(group:activate())
      assert(group:send_message "again")
    end
    assert(eventually(function() return #seen.messages == 2 end))
    assert.equal(5, #seen.configs)
  end)

  it("joins again when it is activated while it leaves", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:deactivate())
    assert.is_true(group:activate())
    assert(eventually(function() return #seen.configs == 3 end))
    assert.equal("leave", seen.configs[2].left[1].reason)
    assert.equal("join", seen.configs[3].joined[1].reason)
    assert.is_true(group:is_active())
  end)

  it("sends once it has joined again", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:deactivate())
    assert(group:activate())
    assert.is_true(group:is_active())
    assert.is_true(group:send_message "back")
    assert.equal(3, #seen.configs)
    assert(eventually(function() return #seen.messages == 1 end))
  end)

  it("stays away when it was deactivated last", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:deactivate())
    assert(group:activate())
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
    assert.same({}, group:members())
  end)

  it("leaves before its join is complete", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    assert(group:activate())
    assert(group:deactivate())
    assert.is_false(group:is_active())
    refused("not_joined", group:send_message "no")
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
  end)

  it("is not active while it leaves, though its join is told then", function()
    local group, told = nil, {}
    group = new {
      config_change = function(_, _, came)
        if #came > 0 then
          told[#told + 1] = group:is_active()
          if #told == 1 then assert(group:activate()) end
        end
      end,
    }
    assert(group:activate())
    assert(group:deactivate())
    assert(eventually(function() return #told == 2 end))
    assert.same({ false, true }, told)
    assert.equal("joined", state(group))
  end)

  it("can be deactivated inside a handler", function()
    local handlers, seen = recorder()
    local group
    local record = handlers.message_received
    function handlers.message_received(...)
      record(...)
      assert(group:deactivate())
    end
    group = joined(handlers)
    assert(group:send_message "the last")
    assert(reaches(group, "idle"))
    assert.same({ "the last" }, texts(seen))
    assert.equal("leave", seen.configs[2].left[1].reason)
  end)

  it("can be activated inside the handler that tells its leaving", function()
    local group, events = nil, {}
    group = joined {
      config_change = function(_, left)
        events[#events + 1] = #left > 0 and "left" or "joined"
        if #events == 2 then assert(group:activate()) end
      end,
    }
    assert(group:deactivate())
    assert(eventually(function() return #events == 3 end))
    assert.same({ "joined", "left", "joined" }, events)
  end)

  it("leaves another of the same process alone", function()
    local handlers, seen = recorder()
    local staying, leaving = joined(handlers), joined()
    assert(leaving:deactivate())
    assert(reaches(leaving, "idle"))
    assert.is_true(staying:send_message "still here")
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal(1, #seen.configs)
    assert.equal(1, #staying:members())
  end)

  it("is refused while the process is in the group already", function()
    local first = joined()
    local second = new({}, first.name)
    refused("exist", second:activate())
    assert.is_false(second:is_active())
    assert(first:deactivate())
    assert(reaches(first, "idle"))
    assert.is_true(second:activate())
    assert(reaches(second, "joined"))
  end)

  it("lists its members, active or not", function()
    local group = new()
    assert.same({}, group:members())
    local _, other = groups.member(group.name)
    assert.equal(other, tostring(group:members()[1]))
    assert(group:activate())
    assert(reaches(group, "joined"))
    assert.equal(2, #group:members())
  end)

  it("lists in a handler the members that it is called with, also when Corosync has others by now", function()
    local group, told, listed = nil, {}, {}
    group = new {
      config_change = function(members)
        told[#told + 1], listed[#listed + 1] = members, group:members()
        group:members()[1] = nil -- a copy
      end,
    }
    assert(group:activate())
    assert(reaches(group, "joined"))
    for _ = 1, 2 do
      groups.spawn(groups.member_argv(group.name))
    end
    assert(wait.until_true(function() return #assert(group._handle:members()) == 3 end, 10))
    assert(eventually(function() return #told == 3 end))
    assert.same(told, listed)
    assert.same({ 1, 2, 3 }, { #listed[1], #listed[2], #listed[3] })
  end)

  it("is asked on a new connection when it is not active and its own is lost, or another process's", function()
    local group = new()
    local fd = assert(group:address() and group._handle:fd())
    assert(process.shutdown(fd))
    assert.same({}, group:members())
    assert.equal(0, process.fork(function()
      return group:members() ~= nil and group:address() ~= nil
    end))
    assert.equal(0, process.fork(function()
      return group:activate() == true
    end))
    assert(eventually(function() return #group:members() == 0 end))
  end)

  it("tells the others that it leaves", function()
    local group = new()
    local member = groups.member(group.name)
    assert(group:activate())
    assert(reaches(group, "joined"))
    local own = tostring(group:address())
    assert(eventually(function() return groups.has_line(member, "came " .. own .. "=join") end))
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert(eventually(function() return groups.has_line(member, "left " .. own .. "=leave") end))
  end)

  it("tells how another goes", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    local polite, polite_address = groups.member(group.name)
    assert(polite:write "leave\n")
    assert(eventually(function() return #seen.configs == 3 end))
    local dying, dying_address = groups.member(group.name)
    assert(dying:kill "sigkill")
    assert(eventually(function() return #seen.configs == 5 end))
    assert.equal(polite_address, tostring(seen.configs[3].left[1].address))
    assert.equal("leave", seen.configs[3].left[1].reason)
    assert.equal(dying_address, tostring(seen.configs[5].left[1].address))
    assert.equal("procdown", seen.configs[5].left[1].reason)
    assert(polite:wait(5))
    assert.equal("end", polite.lines[#polite.lines])
  end)

  it("gives one address for one member", function()
    local peers, group, counted, own = {}, nil, 0, nil
    group = joined {
      config_change = function(_, _, came)
        for _, address in ipairs(came) do peers[address] = 0 end
      end,
      message_received = function(address)
        collectgarbage()
        peers[address] = peers[address] + 1
        counted = counted + 1
        own = own or address == group:address()
      end,
    }
    local member, other = groups.member(group.name)
    assert(group:send_message "mine")
    assert(member:write "send 3 hers\n")
    assert(eventually(function() return counted == 4 end))
    local by_text = {}
    for address, count in pairs(peers) do by_text[tostring(address)] = count end
    assert.same({ [tostring(group:address())] = 1, [other] = 3 }, by_text)
    assert.is_true(own)
  end)

  it("has addresses that compare", function()
    local handlers, seen = recorder()
    local group, second = joined(handlers), joined()
    local own = group:address()
    assert.is_true(own == second:address())
    assert.equal(("%d:%d"):format(own.node, own.pid), tostring(own))
    groups.member(group.name)
    assert(eventually(function() return #seen.configs == 2 end))
    local other = seen.configs[2].joined[1].address
    assert.is_false(own == other)
    assert.equal(own.pid < other.pid, own < other)
    assert.equal(other.pid < own.pid, other < own)
    assert.is_false(own < second:address())
  end)

  it("gives the same addresses after joining again, and keeps nothing else of before", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    local own = group:address()
    local handles = setmetatable({}, { __mode = "k" })
    for round = 1, 4 do
      handles[group._handle] = round
      assert(group:deactivate())
      assert(group:activate())
      assert(eventually(function() return #seen.configs == 1 + 2 * round end))
      assert.is_true(rawequal(own, group:address()))
    end
    collectgarbage()
    collectgarbage()
    local kept = 0
    for _ in pairs(handles) do kept = kept + 1 end
    assert.is_true(kept <= 1, kept .. " handles of before")
  end)

  it("knows quorum and the configuration map", function()
    local group = new()
    assert.is_true(group:is_quorate())
    assert.same({ 1, "u32" }, { group:cmap_get "nodelist.node.0.nodeid" })
    assert.same({ "corosync_votequorum", "string" }, { group:cmap_get "quorum.provider" })
    refused("not_exist", group:cmap_get "no.such.key")
    assert.has_error(function() group:cmap_get() end)
    assert.is_true(group:is_quorate())
    -- Whose the daemon must be holds for these connections, too.
    local strict = new { daemon_user = 12345 }
    refused("access", strict:is_quorate())
    refused("access", strict:cmap_get "quorum.provider")
    assert.is_true(group:is_quorate())
  end)

  it("calls the handlers that the table has at that time", function()
    local calls, handlers = {}, {}
    function handlers.message_received(_, message)
      calls[#calls + 1] = "first " .. message
      handlers.message_received = function(_, later) calls[#calls + 1] = "second " .. later end
    end
    local group = joined(handlers)
    assert(group:send_message "a")
    assert(group:send_message "b")
    assert(eventually(function() return #calls == 2 end))
    handlers.message_received = nil
    assert(group:send_message "c")
    handlers.config_change = function() calls[#calls + 1] = "config" end
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.same({ "first a", "second b", "config" }, calls)
  end)

  it("survives a handler that raises", function()
    local problems, received = {}, {}
    local group = joined {
      config_change = function() error "config trouble" end,
      message_received = function(_, message)
        received[#received + 1] = message
        if message == "bad" then error({}) end
      end,
      error = function(message) problems[#problems + 1] = message end,
    }
    assert(group:send_message "bad")
    assert(group:send_message "good")
    assert(eventually(function() return #received == 2 end))
    assert.same({ "bad", "good" }, received)
    assert.equal(2, #problems)
    assert.matches("group_spec.lua:%d+: config trouble\nstack traceback:", problems[1])
    assert.equal("string", type(problems[2]))
    assert.is_true(group:is_active())
  end)

  it("survives an error handler that raises", function()
    local program = groups.spawn { groups.interpreter, "-e", [[
      local corosync = require "corosync"
      local received = 0
      local group = corosync.group("spec-raising", {
        message_received = function() received = received + 1 error "first" end,
        error = function() error "second" end,
      })
      assert(group:activate() and group:send_message "a" and group:send_message "b")
      assert(group:wait_for(function() return received == 2 end))
      print "both" ]] }
    assert.equal(0, program:wait(10), table.concat(program.errors, "\n"))
    assert.same({ "both" }, program.lines)
    assert.matches("second.*first", table.concat(program.errors, "\n"))
  end)

  it("waits for something, handling its events", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:send_message "x")
    assert.is_true(group:wait_for(function() return #seen.messages == 1 end, 5))
    local from = uv.hrtime()
    local message = refused("timeout", group:wait_for(function() return false end, 0.1, "find the moon in"))
    assert.is_true((uv.hrtime() - from) / 1e9 >= 0.1)
    assert.matches("cannot find the moon in group '.*': not within 0.1 s", message)
  end)

  it("waits no longer while messages keep coming", function()
    local pause = 0.001
    local group = joined {
      message_received = function()
        local from = uv.hrtime()
        repeat until uv.hrtime() - from >= pause * 1e9
      end,
    }
    for _ = 1, 2000 do assert(group:send_message "more") end
    local from = uv.hrtime()
    refused("timeout", group:wait_for(function() return false end, 0 / 0))
    refused("timeout", group:wait_for(function() return (uv.hrtime() - from) / 1e9 > 1.5 end, 0.2))
    pause = 0
  end)

  it("does not wait inside its own handler", function()
    local group, outcome
    group = joined { message_received = function() outcome = { group:wait_for(function() end, 1) } end }
    assert(group:send_message "x")
    assert(eventually(function() return outcome end))
    assert.equal("dispatching", outcome[3])
    assert.is_true(group:is_active())
  end)
end)

describe("a group made with a class", function()
  after_each(groups.clean)

  it("calls methods with the group first", function()
    local Chat = {}
    Chat.__index = Chat
    function Chat:config_change(members, left, came)
      self.config = { self, #members, #left, #came }
    end
    function Chat:message_received(address, message)
      self.seen = (self.seen or 0) + 1
      self.last = message
      if message == "ping" and address == self:address() then assert(self:send_message "pong") end
    end
    local one, other = joined(Chat), joined(Chat)
    assert.equal(one, one.config[1])
    assert.same({ 1, 0, 1 }, { one.config[2], one.config[3], one.config[4] })
    assert(one:send_message "ping")
    assert(eventually(function() return one.seen == 2 end))
    assert.equal("pong", one.last)
    assert.is_nil(other.seen)
    assert.is_nil(rawget(Chat, "seen"))
  end)

  it("lets a class derive from another", function()
    local Base = {}
    Base.__index = Base
    function Base.greeting() return "base" end
    function Base:message_received() self.told = self:greeting() end
    function Base:config_change() self.changes = (self.changes or 0) + 1 end
    local Derived = setmetatable({}, Base)
    function Derived:greeting() return "derived, " .. Base.greeting(self) end
    local group = joined(Derived)
    assert(group:send_message "x")
    assert(eventually(function() return group.told end))
    assert.equal("derived, base", group.told)
    assert.equal(1, group.changes)
  end)

  it("lets a class override the group's methods", function()
    local Loud = {}
    Loud.__index = Loud
    function Loud:send_message(message) return corosync.Group.send_message(self, message:upper()) end
    function Loud:message_received(_, message) self.got = message end
    local group = joined(Loud)
    assert(group:send_message "quiet")
    assert(eventually(function() return group.got end))
    assert.equal("QUIET", group.got)
  end)

  it("has methods for errors and for rings", function()
    local Class = {}
    Class.__index = Class
    function Class:message_received(_, message) error(message) end -- luacheck: ignore 212
    function Class:error(message) self.problem = message end
    function Class:ring_change(ring, nodes) self.ring, self.nodes = ring, nodes end
    local group = joined(Class)
    assert(group:send_message "trouble")
    assert(eventually(function() return group.problem and group.ring end))
    assert.matches("trouble\nstack traceback:", group.problem)
    assert.equal(1, group.ring.node)
    assert.equal("number", type(group.ring.seq))
    assert.same({ 1 }, group.nodes)
  end)

  it("calls the methods that the class has at that time", function()
    local Class = {}
    Class.__index = Class
    local group = joined(Class)
    assert(group:send_message "nobody listens")
    function Class:message_received(_, message) self.got = message end
    assert(eventually(function() return group.got end))
    assert.equal("nobody listens", group.got)
  end)

  it("takes any name for the class's own fields", function()
    local Class = { answer = 42 }
    Class.__index = Class
    assert.equal(42, new(Class).answer)
  end)

  it("is refused when the class has a method that was surely meant to be a handler", function()
    local Class = { config_changed = function() end }
    Class.__index = Class
    raises("method 'config_changed': did you mean 'config_change'?", function() corosync.group("name", Class) end)
    Class.config_change = function() end
    assert(corosync.group("name", Class))
  end)
end)

describe("a group whose daemon goes", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)
  before_each(function()
    if not cluster:members(1) then assert(cluster:restart(1)) end
  end)

  -- A script in the node; it reads a line before it goes on.
  local function start(body)
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync" ]] .. body }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 10))
    assert.equal("ready", program.lines[1], table.concat(program.errors, "\n"))
    return program
  end

  local function finish(program)
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(10)), table.concat(program.errors, "\n"))
    return program.lines
  end

  it("answers errors at once, and goes on trying until it is told not to", function()
    local program = start [[
      local reason
      local group = corosync.group("spec", { disconnected = function(why) reason = why end })
      assert(group:activate() and group:send_message "x")
      local own = group:address()
      print "ready"
      io.read()
      local function code(ok, _, what) return tostring(ok) .. " " .. tostring(what) end
      print("send", code(group:send_message "y"))
      print("wait", code(group:wait_for(function() end, 0.5)))
      print("reason", type(reason))
      print("active", group:is_active())
      print("send", code(group:send_message "z"))
      print("members", code(group:members()))
      print("view", code(group:view()))
      print("address", group:address() == own)
      print("activate", group:activate())
      print("deactivate", group:deactivate())
      print("active", group:is_active())
      print("address", code(group:address()))
      print("activate", code(group:activate())) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "send\tnil not_connected", "wait\tnil timeout", "reason\tstring", "active\ttrue",
      "send\tnil not_connected", "members\tnil not_connected", "view\tnil not_connected", "address\ttrue",
      "activate\ttrue", "deactivate\ttrue", "active\tfalse", "address\tnil not_connected",
      "activate\tnil not_connected" }, finish(program))
  end)

  it("can be deactivated", function()
    local program = start [[
      local group = corosync.group("spec", { disconnected = print })
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      print(group:deactivate())
      print(group) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "true", "corosync.group 'spec' (idle)" }, finish(program))
  end)

  it("tells the loss to a class's method", function()
    local program = start [[
      local Class = {}
      Class.__index = Class
      function Class:disconnected(reason) print(self.name, type(reason)) end
      local group = corosync.group("spec", Class)
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      group:wait_for(function() end, 0.5) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "spec\tstring" }, finish(program))
  end)

  it("reports the loss as an error when nobody is told of it", function()
    local program = start [[
      local group = corosync.group("spec", { error = function(message) print("error", type(message)) end })
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      group:wait_for(function() end, 0.5) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "error\tstring" }, finish(program))
  end)

  it("survives handlers of the loss that raise", function()
    local program = start [[
      local group = corosync.group("spec", {
        disconnected = function() error "mine" end,
        error = function(message) print(message:match "mine\nstack traceback") error "again" end,
      })
      assert(group:activate() and group:send_message "x")
      print "ready"
      io.read()
      print(select(3, group:wait_for(function() end, 0.5)))
      print(group) ]]
    assert(cluster:kill(1))
    assert.same({ "ready", "mine", "stack traceback", "timeout", "corosync.group 'spec' (reconnecting)" },
      finish(program))
    assert.matches("again", table.concat(program.errors, "\n"))
  end)

  it("answers questions about the cluster after the daemon's restart, and works again", function()
    local program = start [[
      local received, joins = nil, 0
      local group = corosync.group("spec", {
        config_change = function(_, _, joined) joins = joins + #joined end,
        disconnected = function() end,
        message_received = function(_, message) received = message end,
      })
      assert(group:activate() and group:send_message "x")
      assert(group:is_quorate() and group:cmap_get "totem.version")
      print "ready"
      io.read()
      print(select(3, group:is_quorate()), select(3, group:cmap_get "totem.version"))
      io.read()
      print(assert(group:is_quorate()) and group:cmap_get "totem.version")
      print(group:wait_for(function() return joins == 2 end, 10))
      assert(group:send_message "back")
      print(group:wait_for(function() return received == "back" end, 5)) ]]
    assert(cluster:kill(1))
    assert(program:write "\n")
    assert(cluster:wait_for(function() return program.lines[2] or program.exited end, 10))
    assert(cluster:restart(1))
    assert.same({ "ready", "not_connected\tnot_connected", "2", "true", "true" },
      finish(program))
  end)
end)

describe("a group while the ring is broken", function()
  local TOKEN = 2500
  local cluster

  setup(function()
    cluster = assert(lab.start { nodes = 2, token = TOKEN })
  end)
  teardown(function() assert(cluster:stop()) end)

  -- Nothing is delivered from the death of a member until the token is missed.
  it("waits for at most its timeout", function()
    local program = assert(cluster:run(1, { groups.interpreter, "-e", [[
      io.stdout:setvbuf "line"
      local corosync = require "corosync"
      local now = require("corosync.core").now
      local joined = 0
      local group = corosync.group("spec", {})
      local late = corosync.group("late", { config_change = function() joined = joined + 1 end })
      assert(group.timeout == 10 and group:activate() and group:send_message "x")
      print "ready"
      io.read()
      group.timeout, late.timeout = 0.4, 0.4
      assert(late:activate())
      local function timed(what, action, ...)
        local from = now()
        local ok, message, code = action(...)
        local took = now() - from
        print(what, ok, code, took >= 0.4 and took < 1.2 or took)
        return message
      end
      print((timed("join", late.send_message, late, "x"):gsub("^.*:", "")))
      local function flood()
        while true do
          local ok, message, code = group:send_message(("x"):rep(100000))
          if not ok then return ok, message, code end
        end
      end
      print((timed("send", flood):gsub("^.-: ", ""):gsub(":.*", "")))
      print("joined", joined, late:is_active())
      late.timeout = 15
      print(late:send_message "x", joined) ]] }))
    assert(cluster:wait_for(function() return program.lines[1] or program.exited end, 10))
    assert(cluster:kill(2))
    assert(program:write "\n")
    assert.equal(0, assert(program:wait(30)), table.concat(program.errors, "\n"))
    assert.same({ "ready", "join\tnil\ttimeout\ttrue", " not within 0.4 s", "send\tnil\ttimeout\ttrue", "after 0.4 s",
      "joined\t0\ttrue", "true\t1" }, program.lines)
  end)
end)

describe("a group with split = true", function()
  local long = ("x"):rep(3000000)

  after_each(groups.clean)

  local function takes_long_messages(handlers)
    local seen
    handlers.message_received = function(...) seen = select(select("#", ...), ...) end
    local group = groups.joined(handlers)
    assert(group:send_message(long))
    assert(groups.eventually(function() return seen ~= nil end))
    assert.is_true(seen == long)
  end

  it("sends longer messages than Corosync delivers as one", function()
    takes_long_messages { split = true }
    local class = { split = true }
    class.__index = class
    takes_long_messages(class)
  end)
end)
