-- A member's turns: how long they are, and what is left of one that did not end.
local applying = require "corosync.replica.machines.applying"
local codec = require "corosync.replica.codec"
local messages = require "corosync.replica.member.messages"
local now = require("corosync.binding").now
local replicas = require "spec.helpers.replicas"
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
    member.turn_began = now() + 3600
    messages.received(member, member.group:address(), bytes)
    assert.equal(0, stops)
    member.turn_began = now() - 1
    messages.received(member, member.group:address(), bytes)
    assert.equal(1, stops)
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
