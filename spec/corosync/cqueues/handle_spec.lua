local controllers = require "spec.helpers.controllers"
local corosync = require "corosync"
local cqueues = require "cqueues"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local process = require "spec_process"

local run, numbers, calm = controllers.run, controllers.numbers, controllers.calm

local unpack = table.unpack or unpack -- luacheck: ignore 113

local SOON = 30 -- seconds, the longest poll for events that are there
local SERVICES = { "cpg", "cmap", "quorum", "votequorum", "cfg" }

local function joined_handle()
  local handle = handles.open()
  assert(handles.join(handle, groups.name()))
  return handle
end

-- The next event, or nil, message, code.
local function receive(handle)
  while true do
    local event = { handle:receive() }
    if event[1] or event[3] then
      return unpack(event, 1, 7)
    end
    cqueues.poll(handle)
  end
end

-- The values of the next event of that name.
local function expect(handle, name)
  while true do
    local event = { receive(handle) }
    assert(event[1], event[2])
    if event[1] == name then
      return unpack(event, 2, 7)
    end
  end
end

-- Lets the others go on while Corosync cannot take more.
local function send(handle, message)
  local ok, why, code = handle:send(message)
  while not ok do
    assert(code == "try_again", why)
    cqueues.sleep(0.001)
    ok, why, code = handle:send(message)
  end
end

describe("a handle in a cqueues controller", function()
  after_each(handles.close_all)

  it("delivers in one coroutine the messages sent in another", function()
    local MANY = 3000
    local handle, seen = joined_handle(), {}
    run(function()
      while #seen < MANY do seen[#seen + 1] = select(2, expect(handle, "message")) end
    end, function()
      for i = 1, MANY do send(handle, tostring(i)) end
    end)
    assert.same(numbers(MANY), seen)
  end)

  it("wakes only its own coroutine among many", function()
    local MANY, ROUNDS = 10, 50
    local coroutines, done = {}, 0
    for number = 1, MANY do
      local handle = joined_handle()
      coroutines[number] = function()
        for round = 1, ROUNDS do
          local message = number .. " " .. round
          send(handle, message)
          assert.equal(message, select(2, expect(handle, "message")))
        end
        done = done + 1
      end
    end
    run(unpack(coroutines))
    assert.equal(MANY, done)
  end)

  it("uses no CPU while idle", function()
    local handle = joined_handle()
    local outcome, before
    run(function()
      calm(handle)
      before = os.clock()
      outcome = { cqueues.poll(handle, 0.3) }
    end)
    assert.same({ 0.3 }, outcome)
    assert.is_true(os.clock() - before < 0.1)
  end)

  it("ends a poll for events that the descriptor does not show", function()
    local handle = joined_handle()
    local outcome, message
    run(function()
      expect(handle, "ring")
      assert.is_nil(handle:timeout())
      send(handle, "x")
      assert(handle:fetch(SOON))
      assert.equal(0, handle:timeout())
      outcome = { cqueues.poll(handle, SOON) }
      message = select(2, expect(handle, "message"))
    end)
    assert.equal(handle, outcome[1])
    assert.equal("x", message)
    assert.is_nil(handle:timeout())
  end)

  it("ends a poll when it is cancelled and closed", function()
    local handle = joined_handle()
    local code, early, _
    run(function()
      -- The events of the join come first.
      local kind
      repeat
        kind, _, code = receive(handle)
      until not kind
      early = cqueues.poll(handle, SOON)
    end, function()
      cqueues.sleep(0.05)
      cqueues.cancel(handle)
      handle:close()
      cqueues.cancel(handle)
    end)
    assert.equal("closed", code)
    assert.equal(handle, early)
  end)

  it("frees its descriptor number for others after cancel and close", function()
    local seen = {}
    run(function()
      for i = 1, 20 do
        local handle = joined_handle()
        send(handle, tostring(i))
        seen[i] = select(2, expect(handle, "message"))
        cqueues.cancel(handle)
        handle:close()
      end
    end)
    assert.same(numbers(20), seen)
  end)

  it("has pollfd, events and timeout in every library", function()
    for _, service in ipairs(SERVICES) do
      local handle = handles.keep(assert(corosync[service].open(service ~= "cmap" and {} or nil)))
      assert.equal(handle:fd(), handle:pollfd(), service)
      assert.equal("r", handle:events(), service)
      assert.is_nil(handle:timeout(), service)
      assert.is_true(process.fork(function()
        return handle:pollfd() == -1 and handle:timeout() == 0
      end) == 0, service)
      handle:close()
      assert.equal(-1, handle:pollfd(), service)
      assert.equal(0, handle:timeout(), service)
    end
  end)

  it("works beside objects of other libraries", function()
    local KEY = "spec.cqueues"
    local member, map = joined_handle(), handles.keep(assert(corosync.cmap.open()))
    local quorum = handles.keep(assert(corosync.quorum.open()))
    local seen = {}
    assert(map:track(KEY))
    assert(quorum:track())
    run(function()
      seen.quorate = expect(quorum, "quorum")
      assert(map:set(KEY, 7, "u8"))
    end, function()
      seen.change = { expect(map, "change") }
      send(member, "x")
    end, function()
      seen.message = select(2, expect(member, "message"))
    end)
    assert(map:delete(KEY))
    assert.same({ quorate = true, change = { "add", KEY, 7, nil, "u8" }, message = "x" }, seen)
  end)
end)

describe("a handle in a plain loop", function()
  after_each(handles.close_all)

  it("needs only wait and receive", function()
    local handle, seen = joined_handle(), {}
    for i = 1, 3 do send(handle, tostring(i)) end
    while #seen < 3 do
      assert(handle:wait(SOON), "nothing has come")
      local event, _, message = handle:receive()
      if event == "message" then seen[#seen + 1] = message end
    end
    assert.same(numbers(3), seen)
  end)
end)
