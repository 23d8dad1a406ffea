local core = require "corosync.core"
local corosync = require "corosync"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local loops = require "spec.helpers.loops"
local tools = require "corosync.lab.tools"
local uv = require "luv"

local must, run, after, numbers = loops.must, loops.run, loops.after, loops.numbers
local send_numbers, collector, leave = loops.send_numbers, loops.collector, loops.leave

local loop = corosync.loop
local new = groups.new

describe("handles in the loop", function()
  local KEY = "spec.loop.key"
  local added = {} -- objects that are no handles

  -- Removes each handle from the loop before it is closed.
  after_each(function()
    for _, object in ipairs(added) do loop.remove(object) end
    added = {}
    for _, handle in ipairs(handles.made) do loop.remove(handle) end
    handles.close_all()
    groups.clean()
  end)

  local function keep(handle)
    table.insert(handles.made, handle)
    return handle
  end

  local function open_map()
    return keep(assert(corosync.cmap.open()))
  end

  local function open_quorum(quorum_change)
    return keep(assert(corosync.quorum.open { quorum_change = quorum_change }))
  end

  -- A raw handle that has joined, and as many messages of its own to come.
  local function open_cpg(name, count, given)
    local handle = handles.open(given)
    assert(handles.join(handle, name))
    handles.dispatch_until(handle, function() return #handle:members() == 1 end)
    for i = 1, count do assert(handle:send(tostring(i))) end
    return handle
  end

  local function cmapctl(...)
    local program = groups.spawn { tools.find "corosync-cmapctl", ... }
    assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
  end

  it("deliver a map's changes made by another program", function()
    local map, seen = open_map(), {}
    assert(map:track(KEY, function(kind, key, new_value, old_value)
      seen[#seen + 1] = { kind, key, new_value, old_value }
      if kind == "delete" then loop.remove(map) end
    end))
    assert.is_true(loop.add(map))
    local program = groups.spawn { "sh", "-c", 'for value in 1 2; do "$0" -s "$1" u32 $value; done; "$0" -d "$1"',
      tools.find "corosync-cmapctl", KEY }
    assert.is_true(run())
    assert.same({ { "add", KEY, 1 }, { "modify", KEY, 2, 1 }, { "delete", KEY, nil, 2 } }, seen)
    assert.equal(0, program:wait(60))
  end)

  it("deliver quorum changes", function()
    local handle, seen
    handle = open_quorum(function(quorate, members)
      seen = { quorate, members }
      loop.stop()
    end)
    assert.is_true(loop.add(handle))
    run()
    assert.same({ true, { 1 } }, seen)
  end)

  it("deliver a cpg handle's messages", function()
    local handle, seen = nil, {}
    handle = open_cpg("spec-loop", 5, {
      message_received = function(_, message)
        seen[#seen + 1] = message
        if message == "5" then loop.remove(handle) end
      end,
    })
    assert.is_true(loop.add(handle))
    run()
    assert.same(numbers(1, 5), seen)
  end)

  it("can be added twice and beside groups", function()
    local count, handle = 0, nil
    handle = open_quorum(function()
      count = count + 1
      loop.remove(handle)
    end)
    assert.is_true(loop.add(handle))
    assert.is_true(loop.add(handle))
    local group, seen = collector { ["1"] = leave }
    assert(loop.add(group))
    send_numbers(group, 1)
    run()
    assert.same({ { "1" }, 1 }, { seen, count })
  end)

  it("and groups are the only objects that loop.add accepts", function()
    for _, wrong in ipairs { 1, "text", true, {}, print, io.stdout } do
      local ok, message = pcall(loop.add, wrong)
      assert.is_false(ok)
      assert.matches("bad argument #1 'object' to 'add' %(group or handle expected, got " .. type(wrong), message)
    end
    local ok, message = pcall(function() loop.add() end)
    assert.is_false(ok)
    assert.matches("handles_spec.lua:%d+: bad argument", message)
  end)

  it("cannot be added once closed", function()
    local map = open_map()
    map:close()
    local ok, message, code = loop.add(map)
    assert.is_nil(ok)
    assert.equal("string", type(message))
    assert.equal("closed", code)
    run()
  end)

  it("should be removed before they are closed", function()
    local map = open_map()
    assert(loop.add(map))
    loop.remove(map)
    map:close()
    loop.remove(map)
    run()
  end)

  it("deliver nothing while they are removed", function()
    local map, seen = open_map(), 0
    assert(map:track(KEY, function()
      seen = seen + 1
      loop.remove(map)
    end))
    assert(loop.add(map))
    loop.remove(map)
    cmapctl("-s", KEY, "u32", "7")
    run()
    assert.equal(0, seen)
    assert(loop.add(map))
    run()
    assert.equal(1, seen)
    assert(map:delete(KEY))
  end)

  it("deliver events that were fetched before they were added", function()
    local handle, seen = nil, {}
    handle = open_cpg("spec-loop", 50, {
      message_received = function(_, message)
        seen[#seen + 1] = message
        if message == "50" then loop.remove(handle) end
      end,
    })
    local hidden = uv.new_poll(handle:fd())
    hidden:start("r", function() must(handle:fetch() ~= nil, "fetch failed") end)
    after(50, function() hidden:close() end)
    run()
    assert.same({}, seen)
    assert(loop.add(handle))
    run()
    assert.same(numbers(1, 50), seen)
  end)

  it("continue after their own handler removes and adds them", function()
    local handle, seen = nil, {}
    handle = open_cpg("spec-loop", 200, {
      message_received = function(_, message)
        seen[#seen + 1] = message
        loop.remove(handle)
        if message ~= "200" then assert(loop.add(handle)) end
      end,
    })
    assert(loop.add(handle))
    run()
    assert.same(numbers(1, 200), seen)
  end)

  it("can be closed inside their own handlers", function()
    local map = open_map()
    assert(map:track(KEY, function() map:close() end))
    assert(loop.add(map))
    local quorum
    quorum = open_quorum(function() quorum:close() end)
    assert(loop.add(quorum))
    cmapctl("-s", KEY, "u32", "7")
    run()
    assert.equal("closed", select(3, map:get(KEY)))
    assert.equal("closed", select(3, quorum:quorate()))
    assert(open_map():delete(KEY))
  end)

  it("can be replaced inside their own handlers", function()
    local count, first, second = 0, nil, nil
    first = open_quorum(function()
      loop.remove(first)
      first:close()
      second = open_quorum(function()
        count = count + 1
        loop.remove(second)
      end)
      assert(loop.add(second))
    end)
    assert(loop.add(first))
    run()
    assert.equal(1, count)
  end)

  it("are rejected while a closed handle that was not removed has their descriptor", function()
    local first, answer = nil, nil
    first = open_quorum(function()
      local fd = first:fd()
      first:close()
      local second = open_map()
      answer = second:fd() == fd and { loop.add(second) } or "the descriptor is another"
    end)
    assert(loop.add(first))
    run()
    assert.same({ nil, "exist" }, { answer[1], answer[3] })
    assert.equal("string", type(answer[2]))
  end)

  it("do not keep the loop running after unref", function()
    local map, seen = open_map(), 0
    assert(map:track(KEY, function() seen = seen + 1 end))
    assert(loop.add(map))
    loop.unref(map)
    run()
    assert.equal(0, seen)
    -- Until it is added anew.
    loop.remove(map)
    assert(loop.add(map))
    after(50, function() loop.remove(map) end)
    local began = uv.now()
    run()
    assert.is_true(uv.now() - began >= 50)
    assert(loop.add(map))
    loop.unref(map)
    -- They are served for as long as something else keeps it running.
    local group = new()
    assert(loop.add(group))
    assert(map:set(KEY, "text", "string"))
    assert(map:delete(KEY))
    local watch = uv.new_prepare()
    watch:start(function()
      if seen == 2 then
        watch:close()
        leave(group)
      end
    end)
    run()
    assert.equal(2, seen)
  end)

  it("stop it in a tracker's handler; the next run delivers the other changes", function()
    local map, seen = open_map(), {}
    assert(map:track(KEY, function(kind)
      seen[#seen + 1] = kind
      loop.stop()
    end))
    assert(loop.add(map))
    assert(map:set(KEY, 1, "u8"))
    assert(map:set(KEY, 2, "u8"))
    assert(map:delete(KEY))
    for count = 1, 3 do
      run()
      assert.equal(count, #seen)
    end
    assert.same({ "add", "modify", "delete" }, seen)
  end)

  it("use no CPU while idle", function()
    assert(loop.add(open_map()))
    assert(loop.add(open_quorum(function() end)))
    assert(loop.add(open_cpg("spec-loop", 0)))
    local before
    after(50, function() before = os.clock() end)
    after(250, loop.stop)
    run()
    assert.is_true(os.clock() - before < 0.1)
  end)

  it("can be added while others are flushed, each of which is flushed once in a round", function()
    local counts, has_added, of_round = {}, false, {}
    local function add(flush)
      local pollset = keep(assert(core.pollset()))
      local object = { fd = function() return pollset:fd() end, dispatch = function() return 0, false end }
      object.flush = flush
      table.insert(added, object)
      assert(loop.add(object))
    end
    for i = 1, 40 do
      counts[i] = 0
      add(function()
        counts[i] = counts[i] + 1
        for _ = 1, has_added and 0 or 100 do add(function() end) end
        has_added = true
      end)
    end
    loop.run_until(function()
      of_round = has_added and table.concat(counts, " ")
      return has_added
    end)
    assert.equal(("1 "):rep(39) .. "1", of_round)
  end)
end)
