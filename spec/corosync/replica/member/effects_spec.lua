-- Callers of a member whose storage has failed, so that its effects wait.
local commands = require "corosync.replica.protocol.commands"
local replicas = require "spec.helpers.replicas"
local storages = require "spec.helpers.storages"

describe("a command of a member whose storage has failed", function()
  local app, list, code, message

  before_each(function()
    app = replicas.new { storage = storages.path(), timeout = 1, error = function() end }
    list, code = replicas.list(app), nil
    replicas.ready(app)
    replicas.member(app).keeper.commit = function() return nil, "no space" end
    assert.is_true(list:submit("a", function(_, ...) message, code = ... end))
    assert(replicas.eventually(function() return select(6, app:status()) == "no space" end))
  end)

  after_each(function()
    replicas.clean()
    storages.remove()
  end)

  local function ends() return code ~= nil end

  it("is uncertain after its timeout, although the storage still fails", function()
    assert(replicas.eventually(ends))
    assert.equal("uncertain", code)
    assert.matches("the command was sent but not confirmed in time: no space; it may have been applied", message)
  end)

  it("is uncertain after its timeout if it was applied, and its result waits for storage", function()
    local protocol = replicas.member(app).protocol
    local batch = protocol.pending[protocol.oldest]
    commands.applied(protocol, { client = protocol.client, seq = batch.seq }, { 1 })
    assert(replicas.eventually(ends))
    assert.equal("uncertain", code)
    assert.matches("its result still waits for this member's storage: no space; it may have been applied", message)
  end)

  it("was surely not applied if it was submitted after that", function()
    assert(replicas.eventually(ends))
    code = nil
    assert.is_true(list:submit("b", function(_, _, why) code = why end))
    assert(replicas.eventually(ends))
    assert.equal("not_ready", code)
  end)

  it("is uncertain when the replica is closed", function()
    assert.is_true(app:close())
    assert(replicas.eventually(ends))
    assert.equal("uncertain", code)
    assert.matches("the command was sent, but the replica was closed before it was confirmed; it may have", message)
  end)
end)
