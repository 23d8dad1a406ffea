-- Messages that wait until Corosync takes them.
local outbox = require "corosync.replica.member.outbox"

describe("the outbox of a replica", function()
  it("sends chunks of snapshots before commands that wait, and both in order", function()
    local sent, is_full = {}, true
    local group = {}
    function group.send_message(_, bytes)
      if is_full then
        return nil, "timed out", "timeout"
      end
      sent[#sent + 1] = bytes
      return true
    end
    local member = { group = group, record = { state = "joined" }, outbox = outbox.new() }
    outbox.put(member, "command 1")
    outbox.put(member, "chunk 1", true)
    outbox.pump(member)
    outbox.put(member, "command 2")
    outbox.put(member, "chunk 2", true)
    is_full = false
    outbox.pump(member)
    assert.same({ "chunk 1", "chunk 2", "command 1", "command 2" }, sent)
  end)
end)
