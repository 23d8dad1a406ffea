-- Snapshots in transit.
local transfers = require "corosync.replica.member.transfers"

-- Returns a snapshot of `count` chunks.
local function snapshot(count)
  local chunks = {}
  for i = 1, count or 1 do chunks[i] = { "machine", {} } end
  return { next = function() return table.remove(chunks) end, release = function() end }
end

describe("a snapshot", function()
  it("has each batch that is not confirmed in a chunk of its own, because all may be too large together", function()
    local sent, added = {}, {}
    local outgoing = transfers.outgoing(function(message)
      sent[#sent + 1] = message
      return 100
    end, error)
    local tail = {}
    for i = 1, 10 do tail[i] = { client = "a", seq = i, list = { "x" } } end
    local copy = {}
    for i, entry in pairs(tail) do copy[i] = entry end
    outgoing:start { kind = "snapshot", to = "2:2", nonce = "n", state = snapshot(), log = { tail = copy } }

    local incoming = transfers.incoming { begin_restore = function()
      return { add = function(_, chunk) added[#added + 1] = chunk end }
    end }
    local i = 1
    while sent[i].kind == "chunk" do
      assert.is_true(incoming:chunk("1:1", sent[i], "n"))
      outgoing:echoed(sent[i])
      i = i + 1
    end
    local last = sent[i]
    assert.equal("snapshot", last.kind)
    assert.same({}, last.log.tail)
    assert.equal(11, last.chunks)
    assert.same(tail, incoming:complete("1:1", last).log.tail)
    assert.same({ { "machine", {} } }, added)
    assert.equal(1, outgoing.snapshots)
    assert.equal(1200, outgoing.snapshot_bytes)
  end)

  local function outgoing_of(count)
    local sent = {}
    local outgoing = transfers.outgoing(function(message)
      sent[#sent + 1] = message
      return #(message.content or "")
    end, error)
    outgoing:start { kind = "snapshot", to = "2:2", nonce = "n", state = snapshot(count), log = { tail = {} } }
    return outgoing, sent
  end

  it("has four chunks in flight while nothing else is sent", function()
    local outgoing, sent = outgoing_of(50)
    for i = 1, 20 do
      assert.equal(3 + i, #sent)
      outgoing.received = outgoing.received + #sent[i].content
      outgoing:echoed(sent[i])
    end
  end)

  it("has more chunks in flight under heavy load, because it would never end otherwise", function()
    local outgoing, sent = outgoing_of(500)
    for i = 1, 100 do
      outgoing.received = outgoing.received + 100000
      outgoing:echoed(sent[i])
      assert.is_true(#sent <= 4 + 2 * i)
    end
    assert.is_true(#sent > 150)
  end)

  it("is decoded by the learner only", function()
    local _, sent = outgoing_of(1)
    assert.is_string(sent[1].content)
  end)

  it("begins once, although memory runs out", function()
    local sent, released = {}, 0
    local state = snapshot(3)
    function state.release() released = released + 1 end
    local message = { kind = "snapshot", to = "2:2", nonce = "n", state = state, log = { tail = {} } }
    local outgoing = transfers.outgoing(function(each)
      if #sent == 1 then error("not enough memory", 0) end
      sent[#sent + 1] = each
      return 1
    end, error)
    assert.error(function() outgoing:start(message) end, "not enough memory")
    outgoing:start(message)
    assert.equal(1, #sent)
    assert.equal(0, released)
    outgoing.send = function(each)
      sent[#sent + 1] = each
      return 1
    end
    outgoing:echoed(sent[1])
    assert.equal("snapshot", sent[#sent].kind)
  end)
end)
