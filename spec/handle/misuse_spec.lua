-- Misuse from Lua: other objects' methods, calls after close, calls from everywhere.
local core = require "corosync.core"
local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"

local OPEN = {
  cpg = function() return core.cpg.open {} end,
  cmap = function() return core.cmap.open() end,
  quorum = function() return core.quorum.open {} end,
  votequorum = function() return core.votequorum.open {} end,
  cfg = function() return core.cfg.open {} end,
  pollset = function() return core.pollset() end,
  bell = function() return core.bell() end,
  waker = function() return core.waker() end,
}

local function open(name)
  return handles.keep(assert(OPEN[name]()))
end

-- The methods behind a metatable that is locked.
local function methods_of(object)
  local found = {}
  for name, method in pairs(debug.getmetatable(object).__index) do
    found[name] = method
  end
  return found
end

after_each(handles.close_all)

describe("methods", function()
  for name in pairs(OPEN) do
    it("of " .. name .. " raise for a wrong self", function()
      local wrong = { io.stdout, {}, "x", 5, true, print, coroutine.create(function() end) }
      for other in pairs(OPEN) do
        wrong[#wrong + 1] = other ~= name and open(other) or nil
      end
      local methods = methods_of(open(name))
      assert.is_truthy(methods.close)
      for method, call in pairs(methods) do
        for _, object in ipairs(wrong) do
          local fine, message = pcall(call, object)
          assert.is_false(fine, method)
          assert.matches("bad argument #1", message, nil, method)
        end
        assert.is_false((pcall(call)))
      end
    end)

    it("of " .. name .. " return or raise after close, in any order", function()
      local object = open(name)
      local methods = methods_of(object)
      object:close()
      for _ = 1, 3 do
        for _, call in pairs(methods) do
          pcall(call, object)
          pcall(call, object, "x", "y")
          pcall(call, object, 1e300, {}, print)
        end
      end
    end)

    -- Calls of votequorum and cfg can change the cluster.
    it("of " .. name .. " accept or reject any arguments without harm", function()
      if name == "votequorum" or name == "cfg" then
        return
      end
      local object = open(name)
      local values = { "", "x", ("y"):rep(300), 0, -1, 1.5, 1e300, 0 / 0, true, {}, { {} }, print, object }
      for method, call in pairs(methods_of(object)) do
        -- A wait may be for ever.
        if method ~= "wait" and method ~= "fetch" then
          for _, value in ipairs(values) do
            pcall(call, object, value)
            pcall(call, object, value, value, value)
          end
        end
      end
      assert.is_true(open("quorum"):quorate() ~= nil)
    end)
  end
end)

describe("handles", function()
  it("work in any coroutine, and a yield in a handler is an error", function()
    local seen, errors = {}, {}
    local handle = open "cpg"
    handle:close()
    handle = handles.open {
      message_received = function(_, message)
        seen[#seen + 1] = message
        if message == "yield" then coroutine.yield() end
      end,
      error = function(message) errors[#errors + 1] = message end,
    }
    coroutine.wrap(function() assert(handles.join(handle, "hostile lua")) end)()
    coroutine.wrap(function() assert(handle:send "yield") assert(handle:send "after") end)()
    handles.dispatch_until(handle, function()
      coroutine.wrap(function() handle:dispatch() end)()
      return #seen == 2
    end)
    assert.same({ "yield", "after" }, seen)
    assert.equal(1, #errors)
    assert.matches("yield", errors[1])
  end)

  it("protect their metatables, and survive their removal through debug", function()
    local handle = open "cpg"
    assert.equal("locked", getmetatable(handle))
    assert.is_false((pcall(setmetatable, handle, {})))
    local metatable = debug.getmetatable(handle)
    debug.setmetatable(handle, nil)
    assert.is_false((pcall(metatable.__index.send, handle, "x")))
    debug.setmetatable(handle, debug.getmetatable(open "pollset"))
    for _, call in pairs(methods_of(open "cpg")) do
      assert.is_false((pcall(call, handle)))
    end
    debug.setmetatable(handle, metatable)
    assert.is_true(handle:close())
  end)

  -- A program's output and its exit code.
  local function output_of(program)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(program)
    file:close()
    local pipe = assert(io.popen(os.getenv("LUA"):match "%S+$" .. " " .. path .. " 2>&1; echo $?"))
    local out = pipe:read "*a"
    pipe:close()
    os.remove(path)
    return out
  end

  it("can be opened and used by finalizers while the state closes, and leave nothing", function()
    assert.equal("end\n0 threads, 0 sockets, closed\n0\n", output_of [[
      local core
      local finalized = require "spec.helpers.finalized"
      local function count_links(folder, pattern)
        local pipe, count = io.popen("ls -l /proc/$PPID/" .. folder), 0
        for line in pipe:lines() do
          count = count + (line:find(pattern) and 1 or 0)
        end
        pipe:close()
        return count
      end
      -- A thread is still listed for a moment after its end.
      local function count_new_threads(before)
        local count, deadline = nil, os.time() + 60
        repeat count = count_links("task", "%d$") - before until count == 0 or os.time() > deadline
        return count
      end
      local threads, sockets = count_links("task", "%d$"), count_links("fd", "socket:")
      -- Older than the library, so finalized last.
      keep_oldest = finalized(function()
        local _, _, code = core.cpg.open { reader = true }
        print(("%d threads, %d sockets, %s"):format(count_new_threads(threads),
          count_links("fd", "socket:") - sockets, code))
      end)
      core = require "corosync.core"
      local handle, map, late
      local function use()
        for _, each in ipairs { handle, map } do
          for _, method in ipairs { "dispatch", "receive", "fd", "close", "dispatch", "timeout", "send", "get" } do
            if pcall(function() return each[method] end) then pcall(each[method], each, "x.y.z") end
          end
        end
        -- Nothing made now is finalized.
        late = core.cpg.open { reader = true }
        if late then late:join "late" end
        core.watchdog(1)
        core.pollset()
      end
      keep_first = finalized(use)
      handle = core.cpg.open { reader = true, message_received = function() end }
      map = core.cmap.open()
      handle:join "ending"
      handle:send "x"
      map:track("x.", use)
      keep_last = finalized(use)
      keep_handle, keep_map = handle, map
      print "end"
      io.stdout:flush()]])
  end)
end)

it("cpg.open raises for anything but a table", function()
  for _, given in ipairs { 5, "x", true, print, io.stdout } do
    assert.is_false((pcall(cpg.open, given)))
  end
end)
