-- The userdata over libquorum, on the daemon of the node that the specs run in. spec/quorum/partition_spec.lua uses
-- several nodes.
local cmap = require "corosync.cmap"
local handles = require "spec.helpers.handles"
local process = require "spec_process"
local quorum = require "corosync.quorum"

local dispatch_until, receive, fails, codes = handles.dispatch_until, handles.receive, handles.fails, handles.codes

local EXPECTED = "quorum.expected_votes"

local function open(given)
  return handles.keep(assert(quorum.open(given)))
end

-- A handle with a record of all its events.
local function recorder(more)
  local record = { quorum = {}, nodelist = {}, errors = {} }
  local handlers = {
    quorum_change = function(...)
      local quorate, members, ring = ...
      table.insert(record.quorum, { quorate = quorate, members = members, ring = ring, count = select("#", ...) })
    end,
    nodelist_change = function(...)
      local members, left, joined, ring = ...
      table.insert(record.nodelist, { members = members, left = left, joined = joined, ring = ring,
        quorum_before = #record.quorum, count = select("#", ...) })
    end,
    error = function(message) table.insert(record.errors, message) end,
  }
  for name, value in pairs(more or {}) do
    handlers[name] = value or nil
  end
  return open(handlers), record
end

-- Expected votes that no node has cost the node its quorum.
local function expect_votes(votes)
  local map = assert(cmap.open())
  assert(map:set(EXPECTED, votes, "u32"))
  assert(map:close())
end

local function wait_quorate(wanted)
  local handle, now = open(), nil
  assert(handle:track())
  while now ~= wanted do
    local kind, quorate = receive(handle)
    if kind == "quorum" then
      now = quorate
    end
  end
end

-- The ring that cpg reports.
local function ring_of_cpg()
  local told
  local handle = handles.open { ring_change = function(ring) told = ring end }
  assert(handles.join(handle, "spec of quorum"))
  dispatch_until(handle, function() return told end)
  return told
end

after_each(function()
  local map = assert(cmap.open())
  local ok = map:get(EXPECTED)
  if ok then
    assert(map:set(EXPECTED, 1))
    wait_quorate(true)
    assert(map:delete(EXPECTED))
  end
  assert(map:close())
  handles.close_all()
end)

describe("quorum.open", function()
  it("needs no handlers and then reports nothing", function()
    local handle = open()
    assert.is_true(handle:quorate())
    assert.is_false(handle:wait(0.05))
    assert.equal(0, select("#", handle:receive()))
    assert.same({ 0, false }, { handle:dispatch() })
    assert.is_false(open({ error = print }):wait(0.05))
  end)

  it("raises for unknown fields and wrong types, naming them", function()
    assert.error_matches(function() quorum.open { quorum_chagne = print } end, "unknown field 'quorum_chagne'")
    assert.error_matches(function() quorum.open { quorum_change = 1 } end, "'quorum_change'")
    assert.error_matches(function() quorum.open { nodelist_change = true } end, "'nodelist_change'")
    assert.error_matches(function() quorum.open { error = "x" } end, "'error'")
    for _, model in ipairs { 2, -1, 0.5, "0", true } do
      assert.error_matches(function() quorum.open { model = model } end, "'model' must be the number 0 or 1")
    end
    assert.error_matches(function() quorum.open(1) end, "table expected")
  end)

  it("fails with a hint when Corosync is not running", function()
    local script = [[local _, message, code = require("corosync.quorum").open() print(message) print(code)]]
    local pipe = io.popen(("unshare -n %s -e '%s'"):format(os.getenv("LUA"):match "%S+$", script))
    local message, code = pipe:read("*l"), pipe:read("*l")
    pipe:close()
    assert.matches("cannot reach Corosync's quorum service: Corosync is not running: start it", message, 1, true)
    assert.equal("not_connected", code)
  end)

  it("reports the present state first: the node list, then quorum, both of one ring", function()
    local handle, record = recorder()
    dispatch_until(handle, function() return #record.quorum > 0 end)
    local ring = ring_of_cpg()
    assert.equal(1, ring.node)
    assert.same({ { members = { 1 }, left = {}, joined = {}, ring = ring, quorum_before = 0, count = 4 } },
      record.nodelist)
    assert.same({ { quorate = true, members = { 1 }, ring = ring, count = 3 } }, record.quorum)
    assert.same({ 0, false }, { handle:dispatch() })
  end)

  it("calls the only handler given", function()
    local handle, record = recorder { nodelist_change = false }
    dispatch_until(handle, function() return #record.quorum == 1 end)
    handle, record = recorder { quorum_change = false }
    dispatch_until(handle, function() return #record.nodelist == 1 end)
  end)

  it("uses the handlers in the table itself, also replaced ones", function()
    assert.is_false(open(setmetatable({}, { __index = { quorum_change = print } })):wait(0.05))
    local seen = {}
    local handlers = { nodelist_change = function() seen[#seen + 1] = "nodelist" end }
    local handle = open(handlers)
    handlers.quorum_change = function() seen[#seen + 1] = "quorum" end
    dispatch_until(handle, function() return #seen == 2 end)
    assert.same({ "nodelist", "quorum" }, seen)
  end)

  it("with model 0 reports quorum only, and rings with their seq only", function()
    local handle, record = recorder { model = 0 }
    dispatch_until(handle, function() return #record.quorum > 0 end)
    assert.same({ { quorate = true, members = { 1 }, ring = { seq = ring_of_cpg().seq }, count = 3 } }, record.quorum)
    assert.is_true(handle:quorate())
    expect_votes(3)
    dispatch_until(handle, function() return #record.quorum > 1 end)
    assert.is_false(record.quorum[#record.quorum].quorate)
    assert.is_nil(record.quorum[#record.quorum].ring.node)
    assert.same({}, record.nodelist)
  end)

  it("with model 1 is the same as without a model", function()
    local handle, record = recorder { model = 1 }
    dispatch_until(handle, function() return #record.quorum > 0 end)
    assert.equal(1, record.quorum[1].ring.node)
    assert.equal(1, #record.nodelist)
  end)
end)

describe("a change of quorum", function()
  it("is reported and returned: lost, then regained", function()
    local handle, record = recorder()
    dispatch_until(handle, function() return #record.quorum > 0 end)
    local ring = record.quorum[1].ring
    expect_votes(3)
    dispatch_until(handle, function() return not record.quorum[#record.quorum].quorate end)
    assert.same({ quorate = false, members = { 1 }, ring = ring, count = 3 }, record.quorum[#record.quorum])
    assert.is_false(handle:quorate())
    expect_votes(1)
    dispatch_until(handle, function() return record.quorum[#record.quorum].quorate end)
    assert.is_true(handle:quorate())
    assert.equal(1, #record.nodelist)
  end)

  it("is the present state for handles opened afterwards", function()
    expect_votes(3)
    wait_quorate(false)
    local handle, record = recorder()
    dispatch_until(handle, function() return #record.quorum > 0 end)
    assert.is_false(record.quorum[1].quorate)
  end)

  it("is reported to each handle", function()
    local one, one_record = recorder()
    local other, other_record = recorder()
    expect_votes(3)
    for handle, record in pairs { [one] = one_record, [other] = other_record } do
      dispatch_until(handle, function()
        return #record.quorum > 0 and not record.quorum[#record.quorum].quorate
      end)
    end
    assert.is_true(one:close())
    expect_votes(1)
    dispatch_until(other, function() return other_record.quorum[#other_record.quorum].quorate end)
    assert.is_false(one_record.quorum[#one_record.quorum].quorate)
  end)
end)

describe("quorum tracking", function()
  it("starts with the present state in receive", function()
    local handle = open()
    assert.is_true(handle:track())
    local ring = ring_of_cpg()
    assert.same({ "nodelist", { 1 }, {}, {}, ring }, { receive(handle) })
    assert.same({ "quorum", true, { 1 }, ring }, { receive(handle) })
    assert.equal(0, select("#", handle:receive()))
    expect_votes(3)
    local kind, quorate
    repeat
      kind, quorate = receive(handle)
      assert.equal("quorum", kind)
    until not quorate
  end)

  it("can be started twice", function()
    local handle, record = recorder()
    dispatch_until(handle, function() return #record.quorum == 1 end)
    assert.is_true(handle:track())
    assert.is_true(handle:track())
    assert.is_false(handle:wait(0.05))
    assert.is_true(handle:untrack())
    assert.is_true(handle:untrack())
    assert.is_true(handle:track())
    dispatch_until(handle, function() return #record.quorum == 2 end)
    assert.equal(2, #record.nodelist)
  end)

  it("delivers arrived events after it ends, then nothing", function()
    local handle, record = recorder()
    assert.is_true(handle:untrack())
    dispatch_until(handle, function() return #record.quorum == 1 end)
    assert.equal(1, #record.nodelist)
    expect_votes(3)
    wait_quorate(false)
    assert.is_false(handle:quorate())
    assert.same({ 0, false }, { handle:dispatch() })
    assert.equal(1, #record.quorum)
    assert.is_true(handle:track())
    dispatch_until(handle, function() return #record.quorum == 2 end)
    assert.is_false(record.quorum[2].quorate)
  end)

  it("can be ended and started in a handler", function()
    local handle, count = nil, 0
    handle = open {
      quorum_change = function()
        count = count + 1
        assert.is_true(handle:quorate())
        assert.is_true(handle:untrack())
        if count == 1 then
          assert.is_true(handle:track())
        end
      end,
    }
    dispatch_until(handle, function() return count == 2 end)
    assert.is_false(handle:wait(0.05))
  end)
end)

describe("a quorum handler", function()
  it("that raises is reported with a traceback, and the next event is delivered", function()
    local handle, record = recorder { nodelist_change = function() error "of the nodes" end }
    dispatch_until(handle, function() return #record.quorum == 1 end)
    assert.equal(1, #record.errors)
    assert.matches("quorum_spec.lua:%d+: of the nodes\nstack traceback:", record.errors[1])
  end)

  it("may close its handle, which drops queued events", function()
    local handle, record
    handle, record = recorder { nodelist_change = function() assert.is_true(handle:close()) end }
    local deadline = os.time() + 60
    while tostring(handle):find "open" and os.time() < deadline do
      handle:wait(1)
      assert(handle:dispatch())
    end
    assert.same({}, record.errors)
    assert.same({}, record.quorum)
    fails("closed", handle:dispatch())
  end)
end)

local METHODS = { "quorate", "track", "untrack", "dispatch", "receive", "fetch", "wait", "fd" }

describe("a closed quorum handle", function()
  it("fails with closed in every method that needs the connection", function()
    local handle = recorder()
    assert.is_true(handle:close())
    assert.is_true(handle:close())
    for method, code in pairs(codes(handle, METHODS)) do
      assert.equal("closed", code, method)
    end
    assert.matches("cannot read quorum", (fails("closed", handle:quorate())))
    assert.matches("^corosync.quorum %(closed%)", tostring(handle))
  end)

  it("results from garbage collection", function()
    local stats = handles.keep(assert(cmap.open "stats"))
    local weak = setmetatable({ [assert(quorum.open())] = true }, { __mode = "k" })
    local before = stats:get "stats.ipcs.global.closed"
    for _ = 1, 4 do
      collectgarbage()
    end
    assert.is_nil(next(weak))
    local deadline = os.time() + 60
    while stats:get "stats.ipcs.global.closed" == before do
      assert(os.time() < deadline, "the connection is still there")
    end
  end)
end)

it("quorum methods raise for another type of handle", function()
  local handle = open()
  assert.error_matches(function() handle.quorate(handles.open()) end, "corosync.quorum")
  assert.error_matches(function() handle.track {} end, "corosync.quorum")
  assert.equal("locked", getmetatable(handle))
end)

describe("a quorum handle in a forked child", function()
  it("fails in every method; the parent's connection still works after the child ends", function()
    local handle, record = recorder()
    dispatch_until(handle, function() return #record.quorum == 1 end)
    local weak = setmetatable({ [handle] = true }, { __mode = "k" })
    local status = process.fork(function()
      local count = 0
      for _, code in pairs(codes(handle, METHODS)) do
        if code ~= "wrong_process" then
          return false
        end
        count = count + 1
      end
      local refused = select(3, handle:close()) == "wrong_process"
      handle, handles.made = nil, nil
      collectgarbage()
      collectgarbage()
      return refused and count == #METHODS and next(weak) == nil
    end)
    assert.equal(0, status)
    assert.is_true(handle:quorate())
    expect_votes(3)
    dispatch_until(handle, function() return not record.quorum[#record.quorum].quorate end)
  end)
end)
