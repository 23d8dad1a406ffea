-- votequorum on one node with one vote, which is restored after each spec.
local assert = require "luassert"
local cmap = require "corosync.cmap"
local core = require "corosync.core"
local handles = require "spec.helpers.handles"
local votequorum = require "corosync.votequorum"

local dispatch_until = handles.dispatch_until

local function open(given)
  return handles.keep(assert(votequorum.open(given)))
end

-- A handle that tracks, and a record of its events, of which the first two have come.
local function tracker(more)
  local record = { quorums = {}, lists = {}, expected = {}, errors = {} }
  local handlers = {
    quorum_change = function(quorate, nodes) table.insert(record.quorums, { quorate = quorate, nodes = nodes }) end,
    nodelist_change = function(members, ring) table.insert(record.lists, { members = members, ring = ring }) end,
    expected_votes_change = function(votes) table.insert(record.expected, votes) end,
    error = function(message) table.insert(record.errors, message) end,
  }
  for key, value in pairs(more or {}) do
    handlers[key] = value
  end
  local handle = open(handlers)
  dispatch_until(handle, function() return #record.quorums > 0 end)
  return handle, record
end

-- The next value that expected_votes_change is called with.
local function next_expected(handle, record)
  local before = #record.expected
  dispatch_until(handle, function() return #record.expected > before end)
  return record.expected[before + 1]
end

-- Waits for every earlier change by the node: all changes come in one order.
local function settle(handle, record)
  local expected = assert(handle:info()).expected_votes
  assert(handle:set_expected(expected))
  assert.equal(expected, next_expected(handle, record))
end

local function raises(pattern, action, ...)
  local arguments, count = { ... }, select("#", ...)
  assert.error_matches(function() action((table.unpack or unpack)(arguments, 1, count)) end, -- luacheck: ignore 113
    pattern)
end

local function receive(handle)
  local deadline = core.now() + 60
  while core.now() < deadline do
    local event = { handle:receive() }
    if event[1] or event[3] then
      return event
    end
    handle:wait(1)
  end
  error("timed out")
end

-- Votes only ever go up by the calls that the specs are about; a key of votequorum's makes Corosync read its
-- configuration again, which has the first ones.
local function restore()
  local handle, record = tracker()
  local info = assert(handle:info())
  if info.flags.qdevice_registered then
    assert(handle:qdevice_master_wins(info.qdevice_name, false))
    assert(handle:qdevice_unregister(info.qdevice_name))
  end
  settle(handle, record)
  local map = assert(cmap.open())
  assert(map:set("quorum.spec", 1, "u8"))
  assert(map:delete "quorum.spec")
  map:close()
  settle(handle, record)
  info = assert(handle:info())
  assert.same({ 1, 1, 1, 0 }, { info.votes, info.total_votes, info.expected_votes, info.qdevice_votes })
  assert.is_true(info.flags.quorate)
  assert.is_nil(info.qdevice_name)
end

local function after_changes()
  handles.close_all()
  restore()
  handles.close_all()
end

return {
  open = open,
  tracker = tracker,
  next_expected = next_expected,
  settle = settle,
  raises = raises,
  receive = receive,
  restore = restore,
  after_changes = after_changes,
}
