-- What specs do with the lines of spec/helpers/clients/viewer.lua.
local views = {}

local function words(text)
  local list = {}
  for word in text:gmatch "[^,]+" do
    list[#list + 1] = word
  end
  return list
end

--- The views that a viewer has told so far: tables as `view_change` gets them, but with texts for addresses and rings,
-- and with `is_fresh` for the first after a join.
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

--- A viewer's own address, once it has told it.
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

return views
