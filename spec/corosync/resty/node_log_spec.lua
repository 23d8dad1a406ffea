-- The log of a group of nodes when its writers are paused or killed at the worst moment: each check runs in a worker.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster, app

local function run(code)
  return app:request("8091/", "--data-binary", 'local parts = require "node_parts" ' .. code)
end

setup(function()
  cluster = assert(lab.start(1))
  app = nginx.start(cluster, 1, "node_groups.conf", nil, "worker_processes 1;")
  app:says "^%d+ other config 1 0 1$"
end)

teardown(function()
  nginx.clean()
  assert(cluster:stop())
end)

describe("the log of a group of nodes #once", function()
  it("refuses a batch of a writer that missed so many that its number is free again", function()
    assert.equal("exists 60 removed", run [[
      local of = parts.store "stale"
      local quick, slow = parts.log(of), parts.log(of)
      for i = 1, 60 do assert(quick:append(i, parts.batch(i))) end
      local _, why = slow:append(1, parts.batch(1))
      return why .. " " .. parts.log(of):last() .. " " .. select(2, slow:read(1))
    ]])
  end)

  it("never offers a reader a batch that such a writer is about to take back", function()
    assert.equal("removed", run [[
      local of = parts.store "ghost"
      local quick = parts.log(of)
      for i = 1, 60 do assert(quick:append(i, parts.batch(i))) end
      of.dict:safe_add(of:key("batch", 1), "")
      return (select(2, parts.log(of):read(1)))
    ]])
  end)

  it("keeps to its share of memory although writers were killed while they removed batches", function()
    assert.equal("true", run [[
      local of = parts.store "killed"
      local log = parts.log(of)
      for i = 1, 100 do
        local killed = parts.dying(of, "first")
        log.store = i % 2 == 0 and i > 50 and killed or of
        pcall(log.append, log, i, parts.batch(i))
      end
      local bytes = 0
      for i = 1, 100 do bytes = bytes + #(of.dict:get(of:key("batch", i)) or "") end
      return bytes <= log:room() + 65536 or bytes
    ]])
  end)

  it("shows where to begin after a message for which it had no room", function()
    assert.equal("2 true", run [[
      local of = parts.store "full"
      local writer = parts.writer(of, 1)
      writer:begin({ 1, 1 }, "none")
      assert(writer:append())
      writer:push("messages", parts.run(("x"):rep(11 * 1024 * 1024)), 1)
      assert(writer:append())
      local log = parts.log(of)
      local batch = assert(log:read(log:last()))
      return batch.number .. " " .. tostring(parts.state(batch).up)
    ]])
  end)
end)

describe("a member of a group of nodes #once", function()
  it("that missed a part of the log continues it with the next event", function()
    assert.equal("true 0 true 302 true", run [[
      local of = parts.store "missed"
      local holder, standby = parts.writer(of, 1), parts.writer(of, 2)
      holder:begin({ 1, 1 }, "none")
      holder:push("change", {}, { 1, 2, 1 })
      assert(holder:append() and standby:follow() and standby.is_synchronized)
      local function receive(i)
        local run = parts.run(("%06d"):format(i):rep(10000))
        holder:push("messages", run, 1)
        standby:push("messages", run, 1)
      end
      for i = 1, 300 do
        receive(i)
        if i < 300 then assert(holder:append()) end
      end
      standby.pace.must_wait = function() return false end
      local is_right = standby:append()
      assert(holder:append())
      local log = parts.log(of)
      return ("%s %d %s %d %s"):format(tostring(is_right), standby.pending.bytes, tostring(holder:follow()),
        log:read(log:last()).number, tostring(log:read(log:last() - 1) ~= nil))
    ]])
  end)

  it("that has not joined yet notes that Corosync has stopped", function()
    assert.equal("false stopped", run [[
      local of = parts.store "early"
      local joining, member = parts.writer(of), parts.writer(of, 2)
      member:begin({ 1, 2 }, "none")
      member:push("change", {}, { 2, 7, 1 })
      assert(member:append())
      joining:note("down", "stopped")
      local log = parts.log(of)
      local state = parts.state(log:read(log:last()))
      return tostring(state.up) .. " " .. state.reason
    ]])
  end)

  it("that cannot send a message any more puts it back and rings the next holder", function()
    assert.equal("1 next", run [[
      return parts.put_back("next")
    ]])
  end)
end)
