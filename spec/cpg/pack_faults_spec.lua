local core = require "corosync.core"
local corosync = require "corosync"
local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"
local main_loop = require "corosync.loop"
local process = require "spec_process"
local transports = require "spec.helpers.transports"
local uv = require "luv"

local member = handles.reading_member
after_each(handles.close_all)

local LONG = ("x"):rep(3000000)

-- Waits as loops of other libraries do: only for the descriptor, and for ever if need be.
local function loop(handle, turn)
  local waiter = handles.keep(assert(core.pollset(handle:fd())))
  repeat
    assert(waiter:wait(60), "the descriptor did not become readable")
  until turn()
end

describe("the descriptor of a handle that packs", function()
  it("is readable when receive has taken only pieces of a long message", function()
    local handle = member(false, { pack = true })
    assert(handle:send(LONG))
    loop(handle, function()
      local event, _, message = handle:receive()
      return event == "message" and message == LONG
    end)
  end)

  it("is readable when fetch has taken only pieces of a long message", function()
    local handle = member(false, { pack = true })
    assert(handle:send(LONG))
    loop(handle, function() return handle:fetch() end)
  end)

  it("is readable when the reader has taken only pieces of a long message", function()
    local handle, seen = member({ after = 0.001 }, { pack = true })
    assert(handle:send(LONG))
    handles.open():wait(0.2) -- so that the reader takes the first piece, of which nothing tells
    loop(handle, function()
      assert(handle:dispatch())
      return #seen.messages > 0
    end)
  end)
end)

describe("a group that packs in corosync.loop", function()
  local MESSAGES = 20

  -- Another process that receives the messages: its id.
  local function start_receiver(name)
    local pid = process.fork_here()
    if pid ~= 0 then
      return pid
    end
    process.expire(300)
    local received = 0
    local handle = cpg.open { pack = true, message_received = function() received = received + 1 end }
    local joined = handles.join(handle, name)
    while joined and received < MESSAGES do
      handle:wait(1)
      handle:dispatch()
    end
    process.become(joined)
  end

  it("sends what a callback of luv has sent before it stopped the loop", function()
    local name = handles.group_name()
    local receiver = start_receiver(name)
    local group, sends
    group = corosync.group(name, {
      config_change = function(members)
        if #members == 2 then sends:send() end
      end,
      pack = true,
    })
    sends = uv.new_async(function()
      for i = 1, MESSAGES do assert(group:send_message(tostring(i))) end
      sends:close()
      main_loop.stop()
    end)
    assert(main_loop.add(group))
    main_loop.run()
    assert.equal(0, process.wait(receiver))
    assert(group:deactivate())
    main_loop.run()
  end)
end)

describe("with datagram sockets #slow", function()
  it("frames fit in a datagram, and views, a reader and a controller may be used together", function()
    local cluster = transports.start(transports[1])
    finally(function() cluster:stop() end)
    local interpreter = os.getenv("LUA"):match "%S+$"
    local code, _, problems = cluster:command(1, { interpreter, "spec/helpers/clients/packing_member.lua" }, 300)
    assert.equal(0, code, problems)
  end)
end)
