-- A member's turns: how long they are, and what is left of one that did not end.
local applying = require "corosync.replica.machines.applying"
local codec = require "corosync.replica.codec"
local core = require "corosync.binding"
local loop = require "corosync.loop"
local messages = require "corosync.replica.member.messages"
local replicas = require "spec.helpers.replicas"
local uv = require "luv"
local wire = require "corosync.replica.member.wire"

describe("a turn of the loop", function()
  after_each(replicas.clean)

  it("ends when the chunks of a snapshot have taken long, even if more are waiting", function()
    local app, stops = replicas.new(), 0
    assert(replicas.eventually(function() return replicas.is_ready(app) end))
    local member = replicas.member(app)
    local content = codec.encode { "base", {} }
    local bytes = wire.encode { kind = "chunk", to = "9:9", nonce = "n", number = 1, content = content }
    function member.group.stop() stops = stops + 1 end
    member.turn_began = core.now() + 3600
    messages.received(member, member.group:address(), bytes)
    assert.equal(0, stops)
    member.turn_began = core.now() - 1
    messages.received(member, member.group:address(), bytes)
    assert.equal(1, stops)
  end)

  it("sends at once what was submitted while another object was flushed", function()
    local list, app
    local is_due, others, flushed, result = false, {}, 0, nil
    local function flush()
      flushed = is_due and flushed + 1 or 0
      if flushed == #others then
        list:submit("x", function(...) result = ... end)
      end
    end
    for i = 1, 2 do -- around the replica, so that it comes before the last of them in any order
      local pollset = assert(core.pollset())
      others[i] = { fd = function() return pollset:fd() end, dispatch = function() return 0, false end, flush = flush }
      assert(loop.add(others[i]))
      if i == 1 then
        list, app = replicas.listed()
        replicas.ready(app)
      end
    end
    local member = replicas.member(app)
    member.timer.close() -- without ticks, nothing else ends the loop's wait
    member.timer = nil
    local timer, deadline = uv.new_timer(), uv.new_timer()
    timer:start(50, 0, function() is_due = true end)
    deadline:start(20000, 0, loop.stop)
    loop.run_until(function() return result end)
    for _, each in ipairs(others) do loop.remove(each) end
    timer:close()
    deadline:close()
    assert.equal(1, result)
  end)

  it("that nginx has ended in apply does not block other replicas", function()
    local problem
    local app = replicas.new { error = function(message) problem = message end }
    assert(replicas.eventually(function() return replicas.is_ready(app) end))
    local list, ended = replicas.listed(), replicas.member(app)
    local reuse = coroutine.wrap(function()
      ended.runner = coroutine.running()
      applying.begin() -- as apply leaves it
      coroutine.yield()
      return list:submit("x", function() end) -- nginx runs other light threads in the same coroutine
    end)
    reuse()
    ended:interrupted()
    assert.matches("ended its light thread", problem)
    assert.is_true(reuse())
  end)
end)
