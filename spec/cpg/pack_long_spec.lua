-- Long messages of handles that pack: whole or not at all, to the same members, at the same place in the order.
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local lab = require "corosync.lab"
local long_messages = require "spec.helpers.long_messages"
local uv = require "luv"

local MEGABYTE = 1000000
local DEADLINE = 400
local BEGUN_OFTEN = 1100000 -- bytes: the first piece is under way for a large part of the time

-- Waits on the descriptor as a loop of its own does.
local function is_readable(handle)
  local found, is_over = false, false
  local poll, timer = uv.new_poll(assert(handle:fd())), uv.new_timer()
  poll:start("r", function() found = true end)
  timer:start(60000, 0, function() is_over = true end)
  repeat
    uv.run "once"
  until found or is_over
  poll:close()
  timer:close()
  return found
end

describe("a long message", function()
  after_each(function()
    handles.close_all()
    groups.clean()
  end)

  it("goes on when the reader has taken its pieces while the program did something else", function()
    local got
    local handle = handles.member(nil, { pack = true, reader = true,
      message_received = function(_, message) got = message end })
    local message = ("0123456789"):rep(MEGABYTE / 2)
    assert(handle:send(message))
    while not got do
      uv.sleep(100) -- the program is busy: nothing may be awaited, because the reader must take the pieces meanwhile
      assert.is_true(is_readable(handle), "the descriptor does not show that pieces can be sent")
      assert(handle:dispatch())
    end
    assert.is_true(got == message)
  end)

  it("goes on in a program that waits for the descriptor when receive has found nothing", function()
    local handle = handles.member(nil, { pack = true })
    local message, got = ("0123456789"):rep(MEGABYTE / 2)
    assert(handle:send(message))
    while not got do
      local event, _, text = handle:receive()
      got = event == "message" and text
      if not event then
        assert.is_true(is_readable(handle), "the descriptor does not show that pieces can be sent")
      end
    end
    assert.is_true(got == message)
  end)

  it("costs the reader no CPU while it waits for a slow handler", function()
    local handle, used
    handle = handles.member(nil, { pack = true, reader = true, message_received = function(_, message)
      if message == "slow" then
        assert(handle:send "first")
        assert(handle:send "second")
        used = os.clock()
        uv.sleep(1000)
        used = os.clock() - used
      end
    end })
    assert(handle:send "slow")
    handles.dispatch_until(handle, function() return used end)
    assert.is_true(used < 0.5, ("%.2f s of CPU in a second of sleep"):format(used))
  end)

  it("waits until there is room, while short ones go on, when its sender is paused #once", function()
    local handle, _, handlers = handles.member("paused", { pack = true })
    local message, got, short = ("0123456789"):rep(3 * MEGABYTE), nil, 0
    local paused
    handlers.message_received = function(_, text)
      got = got or #text > MEGABYTE and text
      short = short + (#text > MEGABYTE and 0 or 1)
    end

    local function eventually(condition)
      assert(groups.eventually(function()
        assert(handle:dispatch())
        return condition()
      end, DEADLINE))
    end

    groups.spawn(long_messages.argv("paused", 100))
    eventually(function() return short > 0 end)
    paused = groups.spawn { groups.interpreter, "spec/helpers/clients/long_paused.lua", "paused", "40000000" }
    eventually(function() return groups.has_line(paused, "paused") end)
    assert(handle:send(message))
    eventually(function() return (select(2, handle:flush()) or ""):find "reach the limit" end)
    short = 0
    eventually(function() return short > 100 end)
    assert.is_false(got or false)
    assert(paused:kill "sigkill")
    eventually(function() return got end)
    assert.is_true(got == message)
    assert(handle:flush())
  end)
end)

describe("long messages #slow", function()
  local cluster, programs

  after_each(function()
    assert(cluster:stop())
  end)

  local function start(nodes)
    cluster, programs = assert(lab.start(nodes)), {}
  end

  local function run(node, bytes, mode)
    local program = assert(cluster:run(node, long_messages.argv("long", bytes, mode)))
    programs[#programs + 1] = program
    return program
  end

  local function eventually(condition, what)
    local ok, message = cluster:wait_for(condition, DEADLINE, what)
    if not ok then
      for _, program in ipairs(programs) do
        message = message .. "\n" .. table.concat(program.errors, "\n")
      end
      error(message)
    end
  end

  local function is_member(program)
    return long_messages.read(program).address
  end

  -- Each of the programs gets as many more own messages back.
  local function all_send(count, ...)
    for _, program in ipairs { ... } do
      local before = long_messages.sent(program)
      eventually(function() return long_messages.sent(program) >= before + count end, count .. " more messages")
    end
  end

  -- What all programs have seen, once no long message is under way and all have got the last ones.
  local function finish(...)
    local seen, last = {}, {}
    for _, program in ipairs { ... } do
      assert(program:write "stop\n")
    end
    for _, program in ipairs { ... } do
      eventually(function() return long_messages.read(program).stopped end, "end of sending")
      local sender = long_messages.read(program)
      last[#last + 1] = ("%s %d"):format(sender.address, sender.sent)
    end
    for i, program in ipairs(programs) do
      eventually(function()
        seen[i] = long_messages.read(program)
        for _, message in ipairs(last) do
          if not seen[i].got[message] then return false end
        end
        return true
      end, "last messages")
      assert.same({}, seen[i].problems)
    end
    return seen
  end

  -- By message, then by member of the crowd: the members when the last program, which does not send, got it.
  local function expected_of_crowd(seen)
    local expected, count, permanent = {}, 0, {}
    for _, program in ipairs(seen) do
      permanent[program.address] = true
    end
    for _, configuration in ipairs(seen[#seen].configurations) do
      local members = configuration.key:match " (.*)$"
      for _, message in ipairs(configuration) do
        for member in members:gmatch "[^,]+" do
          if not permanent[member] then
            expected[message] = expected[message] or {}
            expected[message][member] = members
            count = count + 1
          end
        end
      end
    end
    return expected, count
  end

  local function pause(most)
    local timer, is_over = uv.new_timer(), false
    timer:start(math.random(0, most), 0, function() is_over = true end)
    eventually(function() return is_over end, "timer")
    timer:close()
  end

  it("are delivered by all other members or by none when their sender is killed", function()
    start(2)
    local survivor, watcher = run(1, 0), run(2, 0)
    eventually(function() return is_member(survivor) and is_member(watcher) end, "members")
    for _ = 1, 15 do
      local sender = assert(cluster:run(math.random(2), long_messages.argv("long", 5 * MEGABYTE)))
      eventually(function() return is_member(sender) end, "sender")
      pause(200)
      assert(sender:kill "sigkill")
      eventually(function() return sender.exited end, "end of the sender")
    end
    local last = run(1, 2 * MEGABYTE)
    all_send(1, last)
    local seen = finish(last)
    local got = long_messages.by_configuration(seen[1])
    assert.truthy(next(got))
    assert.same(got, long_messages.by_configuration(seen[2]))
  end)

  it("are the same for all members of a configuration while a node is cut off and comes back", function()
    start(3)
    local first, _, third = run(1, BEGUN_OFTEN), run(2, 0), run(3, BEGUN_OFTEN, "reader")
    for round = 1, 4 do
      all_send(1, first, third)
      pause(1000)
      if round % 2 == 0 then
        assert(cluster:pause(3))
      else
        assert(cluster:partition { 3 })
      end
      eventually(function() return #cluster:members(1) == 2 end, "two nodes")
      all_send(1, first)
      if round % 2 == 0 then
        assert(cluster:resume(3))
      else
        all_send(1, third)
        assert(cluster:heal())
      end
      assert(cluster:wait_members({ 1, 2, 3 }, DEADLINE))
    end
    all_send(2, first, third)
    local seen = finish(first, third)
    local alone, together = "^%S+ 3:%d+$", " 1:%d+,2:%d+,3:%d+$"
    local got = { long_messages.by_configuration(seen[1]), long_messages.by_configuration(seen[2]),
      long_messages.by_configuration(seen[3]) }
    assert.same(got[1], got[2])
    for configuration, messages in pairs(got[3]) do
      local others = got[1][configuration]
      -- A node that is cut off may still get a last message of its own.
      if not configuration:find(alone) then
        assert.matches(together, configuration)
        assert.equal(1, ((others or "") .. "; "):find(messages:gsub("; 3:%d+ %d+$", "") .. "; ", 1, true) or
          (messages:find "^3:%d+ %d+$" and 1))
      end
    end
  end)

  it("are delivered by all members of a configuration while others join and leave", function()
    start(1)
    local first, second, watcher = run(1, 5 * MEGABYTE), run(1, 5 * MEGABYTE), run(1, 0)
    eventually(function() return is_member(first) and is_member(second) and is_member(watcher) end, "members")
    local crowd = assert(cluster:run(1, { groups.interpreter, "spec/helpers/clients/long_churn.lua", "long", "130",
      "4000", "60000" }))
    all_send(8, first, second)
    -- The crowd may need longer to join.
    while #crowd.lines < 60 do all_send(1, first, second) end
    local seen = finish(first, second)
    local expected, count = expected_of_crowd(seen)
    assert.is_true(count > 30)
    -- Each of them takes the last messages in its own time.
    cluster:wait_for(function() return (pcall(assert.same, expected, long_messages.crowd(crowd))) end, DEADLINE)
    assert.same(expected, long_messages.crowd(crowd))
  end)

  it("of two senders that have no room together are delivered in turn, in bounded memory", function()
    start(1)
    local bytes = 40 * 1024 * 1024
    local first, second, receiver = run(1, bytes, "light"), run(1, bytes, "light"), run(1, 0, "light")
    all_send(4, first, second)
    local seen = finish(first, second)
    assert.is_true(seen[3].sent == 0 and #seen[3].configurations > 0)
    local status = assert(io.open(("/proc/%d/status"):format(receiver.pid)))
    local peak = tonumber(status:read "*a":match "VmHWM:%s+(%d+)") / 1024
    status:close()
    assert.is_true(peak < 400, ("%.0f MiB"):format(peak))
  end)
end)
