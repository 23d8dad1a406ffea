local groups = require "spec.helpers.groups"
local views = require "spec.helpers.views"

local texts, let_all_arrive, joined_viewer = views.texts, views.let_all_arrive, views.joined_viewer
local expect_votes, descriptors = views.expect_votes, views.descriptors

local eventually, joined, new, reaches = groups.eventually, groups.joined, groups.new, groups.reaches

local refused = groups.refused

describe("group:view without a view_change handler #slow", function()
  after_each(groups.clean)

  it("opens a quorum connection on the first call", function()
    local group = joined()
    let_all_arrive(group)
    local before = descriptors()
    let_all_arrive(group)
    assert.equal(before, descriptors())
    local view = assert(group:view())
    assert.is_true(descriptors() > before)
    assert.same({ tostring(group:address()) }, texts(view.members))
    assert.same({ {}, texts(view.members), true }, { view.left, texts(view.joined), view.quorate })
    local opened = descriptors()
    assert.is_true(rawequal(view, group:view()))
    assert.equal(opened, descriptors())
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.is_true(descriptors() < before)
  end)

  it("follows changes", function()
    local group = joined()
    let_all_arrive(group)
    local first = assert(group:view())
    local other, address = joined_viewer(group.name)
    assert(eventually(function() return #assert(group:view()).members == 2 end))
    local second = group:view()
    assert.same({ address }, texts(second.joined))
    assert.equal(1, #first.members)
    assert(other:kill "sigkill")
    assert(eventually(function() return #assert(group:view()).members == 1 end))
    assert.same({ address }, texts(group:view().left))
    finally(function() expect_votes(1) end)
    expect_votes(3)
    assert(eventually(function() return not assert(group:view()).quorate end))
    assert.same(first.ring, group:view().ring)
  end)

  it("merges all changes between two calls", function()
    local group = joined()
    let_all_arrive(group)
    assert(group:view())
    local staying, staying_address = joined_viewer(group.name)
    local _, passing = joined_viewer(group.name)
    assert(eventually(function() return #group:members() == 3 end))
    let_all_arrive(group)
    local view = assert(group:view())
    local both = { staying_address, passing }
    table.sort(both)
    assert.same(both, texts(view.joined))
    assert(staying:write "leave\n")
    assert(eventually(function() return groups.has_line(staying, "left") end))
    assert(staying:write "join\n")
    local visitor, visitor_address = joined_viewer(group.name)
    assert(eventually(function() return #group:members() == 4 end))
    assert(visitor:write "leave\n")
    assert(eventually(function() return groups.has_line(visitor, "left") end))
    let_all_arrive(group)
    view = assert(group:view())
    assert.same({ { staying_address }, { staying_address } }, { texts(view.left), texts(view.joined) })
    assert.is_not_same({}, visitor_address)
    assert.equal(3, #view.members)
  end)

  it("returns nil before its ring is known and before it has settled", function()
    local group, first = nil, nil
    group = new { config_change = function() first = first or { group:view() } end }
    assert(group:activate())
    assert(reaches(group, "joined"))
    refused("try_again", (table.unpack or unpack)(first, 1, 3))
    let_all_arrive(group)
    assert(group:view())
    group.settle = 1000
    joined_viewer(group.name)
    assert(eventually(function() return #group:members() == 2 end))
    let_all_arrive(group)
    refused("try_again", group:view())
    group.settle = 0.1
    assert(eventually(function() return group:view() end))
    assert.equal(2, #group:view().members)
  end)

  it("keeps no memory of members that came and left", function()
    local kept = setmetatable({}, { __mode = "k" })
    local group = joined {
      config_change = function(_, left)
        for _, address in ipairs(left) do kept[address] = true end
      end,
    }
    let_all_arrive(group)
    local programs = {}
    for i = 1, 3 do
      programs[i] = joined_viewer(group.name)
    end
    assert(eventually(function() return #group:members() == 4 end))
    for _, program in ipairs(programs) do
      assert(program:kill "sigkill")
    end
    assert(eventually(function() return #group:members() == 1 end))
    let_all_arrive(group)
    assert(next(kept))
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
  end)
end)
