-- Groups with views, and the views that spec/helpers/clients/viewer.lua prints.
local assert = require "luassert"
local groups = require "spec.helpers.groups"
local tools = require "corosync.lab.tools"
local uv = require "luv"

local views = {}
local eventually = groups.eventually

local function words(text)
  local list = {}
  for word in text:gmatch "[^,]+" do
    list[#list + 1] = word
  end
  return list
end

--- The views that a viewer has printed so far: tables as `view_change` gets them, but with texts for addresses and
-- rings, and with `is_fresh` for the first after a join.
function views.of(program)
  local list, is_fresh = {}, true
  for _, line in ipairs(program.lines) do
    is_fresh = is_fresh or line == "left"
    local ring, nodes, quorate, members, left, joined, merged = line:match(
      "^view ring=(%S+) nodes=(%S*) quorate=(%a+) members=(%S*) left=(%S*) joined=(%S*) merged=(%S*)$")
    if ring then
      local ours, theirs = merged:match "^(.*)/(.*)$"
      list[#list + 1] = { ring = ring, nodes = words(nodes), quorate = quorate == "true", members = words(members),
        left = words(left), joined = words(joined), is_fresh = is_fresh,
        merged = ours and { words(ours), words(theirs) } }
      is_fresh = false
    end
  end
  return list
end

function views.last(program)
  local list = views.of(program)
  return list[#list]
end

--- A viewer's own address, once it is printed.
function views.address(program)
  return program.lines[1] and program.lines[1]:match "^address (.+)$"
end

local function set_of(list)
  local set = {}
  for _, each in ipairs(list) do
    set[each] = true
  end
  return set
end

local function check_merged(view, own)
  local ours, theirs = set_of(view.merged[1]), set_of(view.merged[2])
  local members, joined = set_of(view.members), set_of(view.joined)
  assert(ours[own] and #view.merged[2] > 0)
  for each in pairs(ours) do
    assert(members[each] and not theirs[each])
  end
  for each in pairs(theirs) do
    assert(members[each] and joined[each])
  end
end

local function check_one(view, before, own)
  before = view.is_fresh and {} or before
  local nodes, present, left, joined = set_of(view.nodes), set_of(before), set_of(view.left), set_of(view.joined)
  for address in pairs(left) do
    assert(present[address], "somebody left who was not there")
    present[address] = nil
  end
  for address in pairs(joined) do
    assert(not present[address], "somebody joined who was there")
    present[address] = true
  end
  for _, address in ipairs(view.members) do
    assert(nodes[address:match "^%d+"], "a member that is not on the ring")
    assert(present[address], "a member that did not join")
    present[address] = nil
  end
  assert(not next(present), "a member that vanished")
  if view.merged then
    check_merged(view, own)
  end
end

--- Raises unless all views of all these viewers are right in themselves, follow from each other, and agree on quorum.
function views.check(programs)
  local by_ring = {}
  for _, program in ipairs(programs) do
    local before, last = {}, {}
    for i, view in ipairs(views.of(program)) do
      local ok, problem = pcall(check_one, view, before, views.address(program))
      assert(ok, ("view %d: %s in:\n%s"):format(i, tostring(problem), table.concat(program.lines, "\n")))
      before, last[view.ring] = view.members, view
    end
    for ring, view in pairs(last) do
      by_ring[ring] = by_ring[ring] or view
      assert(view.quorate == by_ring[ring].quorate, ("members do not agree on the quorum of ring %s"):format(ring))
    end
  end
end

function views.texts(addresses)
  local list = {}
  for i, address in ipairs(addresses) do
    list[i] = tostring(address)
  end
  table.sort(list)
  return list
end

-- Handlers that record the views.
function views.recorder(settle)
  local seen = {}
  return { settle = settle, view_change = function(view) seen[#seen + 1] = view end }, seen
end

-- A group with a first view, and the list of its views.
function views.viewing(settle)
  local handlers, seen = views.recorder(settle)
  local group = groups.joined(handlers)
  assert(eventually(function() return #seen == 1 end))
  return group, seen
end

-- Every earlier event has been delivered once the group's own message is back.
function views.let_all_arrive(group)
  local heard
  group[require "corosync.private"].handlers.message_received = function() heard = true end
  assert(group:send_message "")
  assert(eventually(function() return heard end))
  group:dispatch()
end

-- A viewer in a program of its own that has not joined yet, and its address as text.
function views.viewer(name)
  local program = groups.spawn { groups.interpreter, "spec/helpers/clients/viewer.lua", name }
  assert(eventually(function() return views.address(program) or program.exited end))
  return program, views.address(program) or error(table.concat(program.errors, "\n"))
end

function views.joined_viewer(name)
  local program, address = views.viewer(name)
  assert(program:write "join\n")
  return program, address
end

-- This node has one vote.
function views.expect_votes(count)
  local tool = tools.find "corosync-cmapctl"
  local program = groups.spawn { tool, "-s", "quorum.expected_votes", "u32", tostring(count) }
  assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
end

function views.descriptors()
  local count, listing = 0, assert(uv.fs_scandir "/proc/self/fd")
  while uv.fs_scandir_next(listing) do
    count = count + 1
  end
  return count
end

return views
