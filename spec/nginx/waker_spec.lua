-- The thread that waits for descriptors, with the descriptors of real handles.
local core = require "corosync.core"
local uv = require "luv"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local wait = require "corosync.lab.wait"

local FOLDER = "/tmp"
local wakers, clients, count = {}, {}, 0

local function open_waker()
  local waker = assert(core.waker())
  wakers[#wakers + 1] = waker
  return waker
end

local function member()
  local handle = handles.open()
  count = count + 1
  assert(handles.join(handle, "waker " .. count))
  return handle
end

-- A client of a socket: counts the bytes that come.
local function connect(path)
  local client = { bytes = 0, closed = false, pipe = uv.new_pipe(false) }
  clients[#clients + 1] = client
  client.pipe:connect(path, function(problem)
    client.problem, client.connected = problem, not problem
    if problem then return end
    client.pipe:read_start(function(_, data)
      client.bytes = client.bytes + #(data or "")
      client.closed = client.closed or not data
    end)
  end)
  return client
end

local function eventually(condition)
  assert.is_true(wait.until_true(condition, 60))
end

local function turn_loop()
  uv.run "nowait"
end

-- Receives the events of its own join.
local function settle(handle)
  local events = {}
  repeat events[handles.receive(handle)] = true until events.config and events.ring
end

local function drain(handle)
  eventually(function() return handle:receive() ~= nil end)
  repeat until not handle:receive()
end

local function open_watch(waker, fd, period)
  local watch = assert(waker:watch(fd, FOLDER, period or 3600))
  return watch, watch:path()
end

-- A watch with its connection.
local function watched(waker, handle, period)
  local watch, path = open_watch(waker, handle:fd(), period)
  local client = connect(path)
  eventually(function() return client.connected and not uv.fs_stat(path) end)
  return watch, client, path
end

local function threads()
  local list = {}
  local directory = assert(uv.fs_scandir "/proc/self/task")
  for name in function() return uv.fs_scandir_next(directory) end do
    local file = io.open(("/proc/self/task/%s/status"):format(name))
    local status = file and file:read "*a" or ""
    if file then file:close() end
    if status:match "^Name:%s*corosync%-waker\n" then list[#list + 1] = status end
  end
  return list
end

-- A thread is still listed for a moment after its end.
local function all_threads_end()
  eventually(function() return #threads() == 0 end)
end

after_each(function()
  for _, waker in ipairs(wakers) do waker:close() end
  for _, client in ipairs(clients) do client.pipe:close() end
  wakers, clients = {}, {}
  turn_loop()
  handles.close_all()
end)

describe("a waker", function()
  it("wakes once for each arming, for new and existing events", function()
    local handle = member()
    local watch, client = watched(open_waker(), handle)
    settle(handle)
    assert.is_true(watch:arm())
    turn_loop()
    assert.equal(0, client.bytes)
    assert(handle:send "one")
    eventually(function() return client.bytes == 1 end)
    assert(handle:send "two")
    assert.is_true(handle:wait(60))
    turn_loop()
    assert.equal(1, client.bytes)
    assert.is_true(watch:arm())
    eventually(function() return client.bytes == 2 end)
  end)

  it("wakes after each period without an event, each watch after its own", function()
    local waker = open_waker()
    local _, rarely = watched(waker, member())
    local _, often = watched(waker, member(), 0.02)
    eventually(function() return often.bytes >= 5 end)
    assert.equal(0, rarely.bytes)
  end)

  it("loses no wake-up between emptying and arming", function()
    local handle = member()
    local watch, client = watched(open_waker(), handle)
    settle(handle)
    for round = 1, 500 do
      assert(handle:send "x")
      assert(watch:arm())
      eventually(function() return client.bytes == round end)
      drain(handle)
    end
  end)

  it("keeps a wake-up from before its socket was connected", function()
    local waker = open_waker()
    local handle = member()
    local watch, path = open_watch(waker, handle:fd())
    assert(watch:arm())
    assert(handle:wait(60))
    watch:ring()
    local client = connect(path)
    eventually(function() return client.bytes >= 1 end)
  end)

  it("wakes on request, and for the loss of many handles' daemon on one thread", function()
    all_threads_end() -- those of earlier specs
    local waker, all = open_waker(), {}
    for i = 1, 5 do
      local handle = member()
      local watch, client = watched(waker, handle)
      all[i] = { handle = handle, watch = watch, client = client }
    end
    assert.equal(1, #threads())
    for _, each in ipairs(all) do each.watch:ring() end
    for _, each in ipairs(all) do
      eventually(function() return each.client.bytes == 1 end)
      settle(each.handle)
      assert(each.watch:arm())
    end
    assert(all[3].handle:send "x")
    eventually(function() return all[3].client.bytes == 2 end)
    for i, each in ipairs(all) do assert.equal(i == 3 and 2 or 1, each.client.bytes) end
  end)

  it("handles no signals in its thread", function()
    all_threads_end()
    open_waker()
    local blocked = threads()[1]:match "SigBlk:%s*(%x+)"
    for _, signal in ipairs { 1, 2, 3, 10, 12, 13, 14, 15, 17 } do
      local digit = tonumber(blocked:sub(-1 - math.floor((signal - 1) / 4)):sub(1, 1), 16)
      assert.equal(1, math.floor(digit / 2 ^ ((signal - 1) % 4)) % 2)
    end
  end)

  it("has a path that only its user can reach, and that is gone once connected", function()
    local waker = open_waker()
    local watch, path = open_watch(waker, member():fd())
    local folder = path:match "^(.*)/"
    assert.equal(tonumber("700", 8), uv.fs_stat(folder).mode % 512)
    local client = connect(path)
    eventually(function() return client.connected and not uv.fs_stat(folder) end)
    local message = handles.fails("closed", watch:path())
    assert.matches("^cannot get a socket's path: ", message)
  end)

  it("accepts no connection from another process", function()
    local waker = open_waker()
    local handle = member()
    local watch, path = open_watch(waker, handle:fd())
    local stranger = groups.spawn { groups.interpreter, "-e", ([[
      local uv = require "luv"
      local pipe = uv.new_pipe(false)
      pipe:connect(%q, function(problem)
        print(problem or "connected")
        pipe:read_start(function(_, data) print(data and "woken" or "closed") pipe:close() end)
      end)
      uv.run()]]):format(path) }
    assert.equal(0, (assert(stranger:wait(60))))
    assert.same({ "connected", "closed" }, stranger.lines)
    local client = connect(path)
    watch:ring()
    eventually(function() return client.bytes == 1 end)
  end)

  it("ends a connection with its watch and keeps the other descriptors", function()
    local waker = open_waker()
    local first, second = member(), member()
    local watch, client = watched(waker, first)
    local other, other_client = watched(waker, second)
    assert(watch:arm())
    watch:close()
    watch:close()
    eventually(function() return client.closed end)
    handles.fails("closed", watch:arm())
    watch:ring()
    assert(other:arm())
    eventually(function() return other_client.bytes == 1 end)
  end)

  it("leaves no path behind when nobody connected", function()
    local waker = open_waker()
    local watch, path = open_watch(waker, member():fd())
    watch:close()
    assert.is_nil(uv.fs_stat(path:match "^(.*)/"))
    local _, another = open_watch(waker, member():fd())
    waker:close()
    assert.is_nil(uv.fs_stat(another:match "^(.*)/"))
  end)

  it("continues when its client has gone", function()
    local waker = open_waker()
    local handle, other = member(), member()
    local watch, client = watched(waker, handle)
    client.pipe:read_stop()
    client.pipe:shutdown()
    client.pipe:close()
    client.pipe = uv.new_pipe(false)
    turn_loop()
    for _ = 1, 3 do watch:ring() end
    local second, second_client = watched(waker, other)
    assert(second:arm())
    eventually(function() return second_client.bytes == 1 end)
  end)

  it("ends its thread at close and fails afterwards", function()
    all_threads_end()
    local waker = open_waker()
    local watch = watched(waker, member())
    assert.equal(1, #threads())
    waker:close()
    all_threads_end()
    waker:close()
    handles.fails("closed", watch:arm())
    local message = handles.fails("closed", waker:watch(0, FOLDER, 1))
    assert.matches("^cannot watch a connection: ", message)
  end)

  -- A program of its own, in which one step of the collector is a whole collection.
  it("refuses a watch when a finalizer closes it meanwhile", function()
    local program = [[
      local core = require "corosync.core"
      local finalized = require "spec.helpers.finalized"
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", newproxy and 0 or 1000000)
      if _VERSION == "Lua 5.4" then collectgarbage("incremental", 0, 1000, 30) end
      local deadline, watching, struck, _, message, code = core.now() + 60
      repeat
        local waker = assert(core.waker())
        local watch = waker.watch
        collectgarbage()
        collectgarbage "stop"
        finalized(function() struck = watching waker:close() end)
        collectgarbage "restart"
        watching = true
        _, message, code = watch(waker, 0, "/tmp", 1)
        watching = false
      until struck or core.now() > deadline
      print(struck, message, code)
    ]]
    local pipe = assert(io.popen(("exec %s -e '%s' 2>&1"):format(os.getenv("LUA"):match "%S+$", program)))
    assert.equal("true\tcannot watch a connection: the handle is closed\tclosed\n", (pipe:read "*a"))
    pipe:close()
  end)

  it("is collected in any order with its watches", function()
    for _ = 1, 30 do
      local waker = assert(core.waker())
      for _ = 1, 3 do assert(waker:watch(member():fd(), FOLDER, 1)) end
      waker = nil -- luacheck: ignore 311
      handles.close_all()
      collectgarbage()
    end
    collectgarbage()
    collectgarbage()
    all_threads_end()
  end)

  it("fails with the reason when there can be no socket", function()
    local waker = open_waker()
    local message = handles.fails("no_resources", waker:watch(0, "/nowhere", 1))
    assert.equal("cannot make a socket in /nowhere: No such file or directory", message)
    message = handles.fails("no_resources", waker:watch(0, "/" .. ("x"):rep(100), 1))
    assert.matches("File name too long$", message)
    local watch = assert(waker:watch(9999, FOLDER, 1))
    message = handles.fails("no_resources", watch:arm())
    assert.equal("cannot wait for a connection: Bad file descriptor", message)
    assert.has_error(function() waker:watch "x" end)
    assert.has_error(function() waker:watch(1) end)
    assert.has_error(function() waker:watch(0, FOLDER) end)
    assert.has_error(function() waker:watch(0, FOLDER, 0) end)
  end)

  -- Another program, of which all descriptors are used when a client of its socket comes.
  it("does not spin without a free descriptor for a client", function()
    local program = [[
      local core, uv = require "corosync.core", require "luv"
      local handle = assert(core.cpg.open {})
      local watch = assert(assert(core.waker()):watch(handle:fd(), "/tmp", 1))
      local path, client, said = watch:path(), uv.new_pipe(false), "nothing"
      uv.run "nowait"
      local files, file = {}, io.open "/dev/null"
      while file do files[#files + 1], file = file, io.open "/dev/null" end
      files[#files]:close() -- for the socket of the client
      client:connect(path, function(problem) said = problem or "connected" end)
      uv.run "nowait"
      local used = os.clock()
      handle:wait(1)
      client:read_start(function(problem) said = said .. " " .. tostring(problem) client:close() end)
      uv.run()
      print(said, os.clock() - used < 0.5)
    ]]
    local pipe = assert(io.popen(("ulimit -n 64; exec %s -e '%s' 2>&1"):format(os.getenv("LUA"):match "%S+$", program)))
    -- The waker's thread may close the socket before the client has seen that it is connected.
    local out = pipe:read "*a"
    assert.matches("%s+true\n$", out)
    assert.is_truthy(out:match "^connected " or out:match "^ECONNRESET ", out)
    pipe:close()
  end)

  it("is unaffected by a fork", function()
    local waker = open_waker()
    local handle = member()
    local watch, path = open_watch(waker, handle:fd())
    assert.equal(0, process.fork(function()
      local codes = { select(3, watch:arm()), select(3, watch:path()), select(3, waker:watch(0, FOLDER, 1)) }
      watch:ring()
      watch:close()
      waker:close()
      waker, watch = nil, nil -- luacheck: ignore 311
      collectgarbage()
      return table.concat(codes, " ") == "wrong_process wrong_process wrong_process"
    end))
    local client = connect(path)
    assert(watch:arm())
    eventually(function() return client.bytes == 1 end)
  end)
end)
