-- The order in which messages wait until Corosync takes them.
local outbox = require "corosync.replica.member.outbox"

describe("the outbox of a replica", function()
  local member, sent, is_full
  local CHUNK, CLAIM, ACK = { kind = "chunk" }, { kind = "claim" }, { kind = "ack" }
  local COMMANDS = { kind = "commands", tag = "1.2.3" }

  before_each(function()
    sent, is_full = {}, true
    local group = {}
    function group.send_message(_, bytes)
      if is_full then
        return nil, "timed out", "timeout"
      end
      sent[#sent + 1] = bytes
      return true
    end
    member = { group = group, record = { state = "joined" }, outbox = outbox.new(),
      protocol = { active = { tag = "1.2.3" } } }
  end)

  local function pump()
    outbox.pump(member)
    return sent
  end

  it("sends commands and calls last, each kind in order", function()
    outbox.put(member, "command 1", COMMANDS)
    outbox.put(member, "chunk", CHUNK)
    outbox.put_call(member, "call")
    pump()
    outbox.put(member, "command 2", COMMANDS)
    outbox.put(member, "claim", CLAIM)
    is_full = false
    assert.same({ "chunk", "claim", "command 1", "call", "command 2" }, pump())
  end)

  it("sends an acknowledgement in one message with commands only if no other commands wait", function()
    outbox.put(member, "command 1", COMMANDS, "ack 1 ")
    outbox.put(member, "command 2", COMMANDS, "ack 2 ")
    outbox.put(member, "ack 3 ", ACK)
    is_full = false
    assert.same({ "ack 2 ", "ack 3 ", "ack 1 command 1", "command 2" }, pump())
  end)

  it("drops commands of a generation that has ended", function()
    outbox.put(member, "command 1", COMMANDS, "ack 1 ")
    outbox.put(member, "command 2", COMMANDS)
    outbox.put_call(member, "call")
    member.protocol.active = { tag = "1.2.4" }
    outbox.put(member, "command 3", { kind = "commands", tag = "1.2.4" })
    is_full = false
    assert.same({ "call", "command 3" }, pump())
  end)
end)
