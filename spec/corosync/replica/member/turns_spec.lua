-- A member processes only some of a snapshot in one turn of the loop.
local codec = require "corosync.replica.codec"
local events = require "corosync.replica.member.events"
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
    events.message_received(member, member.group:address(), bytes)
    assert.equal(0, stops)
    member.turn_began = now() - 1
    events.message_received(member, member.group:address(), bytes)
    assert.equal(1, stops)
  end)
end)
