local KEY = require "corosync.private"
local groups = require "spec.helpers.groups"
local process = require "spec_process"
local wait = require "corosync.lab.wait"

local refused, recorder = groups.refused, groups.recorder

local eventually, joined, new, reaches = groups.eventually, groups.joined, groups.new, groups.reaches

describe("group:members and addresses", function()
  after_each(groups.clean)

  it("list the members of an active or inactive group", function()
    local group = new()
    assert.same({}, group:members())
    local _, other = groups.member(group.name)
    assert.equal(other, tostring(group:members()[1]))
    assert(group:activate())
    assert(reaches(group, "joined"))
    assert.equal(2, #group:members())
  end)

  it("list the handler's members in a handler, although Corosync may have others by now", function()
    local group, told, listed = nil, {}, {}
    group = new {
      config_change = function(members)
        told[#told + 1], listed[#listed + 1] = members, group:members()
        group:members()[1] = nil -- a copy
      end,
    }
    assert(group:activate())
    assert(reaches(group, "joined"))
    for _ = 1, 2 do
      groups.spawn(groups.member_argv(group.name))
    end
    assert(wait.until_true(function() return #assert(group[KEY].handle:members()) == 3 end, 60))
    assert(eventually(function() return #told == 3 end))
    assert.same(told, listed)
    assert.same({ 1, 2, 3 }, { #listed[1], #listed[2], #listed[3] })
  end)

  it("use a new connection when the group is inactive and its own is lost or belongs to another process", function()
    local group = new()
    local fd = assert(group:address() and group[KEY].handle:fd())
    assert(process.shutdown(fd))
    assert.same({}, group:members())
    assert.equal(0, process.fork(function()
      return group:members() ~= nil and group:address() ~= nil
    end))
    assert.equal(0, process.fork(function()
      return group:activate() == true
    end))
    assert(eventually(function() return #group:members() == 0 end))
  end)

  it("include a leave in the other members' config_change", function()
    local group = new()
    local member = groups.member(group.name)
    assert(group:activate())
    assert(reaches(group, "joined"))
    local own = tostring(group:address())
    assert(eventually(function() return groups.has_line(member, "came " .. own .. "=join") end))
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert(eventually(function() return groups.has_line(member, "left " .. own .. "=leave") end))
  end)

  it("include the reason why a member left", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    local polite, polite_address = groups.member(group.name)
    assert(polite:write "leave\n")
    assert(eventually(function() return #seen.configs == 3 end))
    local dying, dying_address = groups.member(group.name)
    assert(dying:kill "sigkill")
    assert(eventually(function() return #seen.configs == 5 end))
    assert.equal(polite_address, tostring(seen.configs[3].left[1].address))
    assert.equal("leave", seen.configs[3].left[1].reason)
    assert.equal(dying_address, tostring(seen.configs[5].left[1].address))
    assert.equal("procdown", seen.configs[5].left[1].reason)
    assert(polite:wait(60))
    assert.equal("end", polite.lines[#polite.lines])
  end)

  it("return the same address object for the same member", function()
    local peers, group, counted, own = {}, nil, 0, nil
    group = joined {
      config_change = function(_, _, came)
        for _, address in ipairs(came) do peers[address] = 0 end
      end,
      message_received = function(address)
        collectgarbage()
        peers[address] = peers[address] + 1
        counted = counted + 1
        own = own or address == group:address()
      end,
    }
    local member, other = groups.member(group.name)
    assert(group:send_message "mine")
    assert(member:write "send 3 hers\n")
    assert(eventually(function() return counted == 4 end))
    local by_text = {}
    for address, count in pairs(peers) do by_text[tostring(address)] = count end
    assert.same({ [tostring(group:address())] = 1, [other] = 3 }, by_text)
    assert.is_true(own)
  end)

  it("return addresses that can be compared", function()
    local handlers, seen = recorder()
    local group, second = joined(handlers), joined()
    local own = group:address()
    assert.is_true(own == second:address())
    assert.equal(("%d:%d"):format(own.node, own.pid), tostring(own))
    groups.member(group.name)
    assert(eventually(function() return #seen.configs == 2 end))
    local other = seen.configs[2].joined[1].address
    assert.is_false(own == other)
    assert.equal(own.pid < other.pid, own < other)
    assert.equal(other.pid < own.pid, other < own)
    assert.is_false(own < second:address())
  end)

  it("return the same addresses after a rejoin and keep nothing else", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    local own = group:address()
    local handles = setmetatable({}, { __mode = "k" })
    for round = 1, 4 do
      handles[group[KEY].handle] = round
      assert(group:deactivate())
      assert(group:activate())
      assert(eventually(function() return #seen.configs == 1 + 2 * round end))
      assert.is_true(rawequal(own, group:address()))
    end
    collectgarbage()
    collectgarbage()
    local kept = 0
    for _ in pairs(handles) do kept = kept + 1 end
    assert.is_true(kept <= 1, kept .. " handles of before")
  end)

  it("are available beside quorum and cmap", function()
    local group = new()
    assert.is_true(group:is_quorate())
    assert.same({ 1, "u32" }, { group:cmap_get "nodelist.node.0.nodeid" })
    assert.same({ "corosync_votequorum", "string" }, { group:cmap_get "quorum.provider" })
    refused("not_exist", group:cmap_get "no.such.key")
    assert.has_error(function() group:cmap_get() end)
    assert.is_true(group:is_quorate())
    -- Whose the daemon must be holds for these connections, too.
    local strict = new { daemon_user = 12345 }
    refused("access", strict:is_quorate())
    refused("access", strict:cmap_get "quorum.provider")
    assert.is_true(group:is_quorate())
  end)
end)
