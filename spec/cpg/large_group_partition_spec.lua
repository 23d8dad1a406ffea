-- A group of 256 members on two nodes, whose network is cut and made whole. With 129 on one side Corosync's daemons may
-- abort: exec/cpg.c has room for 128 that go or come at once, and writes beyond it.
local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"

local PER_NODE = 127 -- and one more on each node, which sends them commands
local DEADLINE = 120

describe("a group of 256 members on two nodes #slow", function()
  local cluster, tellers, crowds

  local function start(node, argv)
    return assert(cluster:run(node, argv))
  end

  local function complaints()
    local texts = {}
    for _, list in ipairs { tellers, crowds } do
      for _, program in ipairs(list) do
        texts[#texts + 1] = table.concat(program.errors, "\n")
      end
    end
    return table.concat(texts, "\n")
  end

  local function eventually(condition, what)
    local ok, message = cluster:wait_for(condition, DEADLINE, what)
    assert(ok, (message or "") .. "\n" .. complaints())
  end

  -- The last member list that a teller printed.
  local function members_of(node)
    for i = #tellers[node].lines, 1, -1 do
      local list = tellers[node].lines[i]:match "^members (.*)$"
      if list then
        return list, select(2, list:gsub(",", "")) + 1
      end
    end
    return "", 0
  end

  local function has_members(node, number)
    eventually(function() return select(2, members_of(node)) == number end, number .. " members on node " .. node)
  end

  local function say(node, text)
    assert(tellers[node]:write("send 1 " .. text .. "\n"))
  end

  -- The states of the members of one node, PER_NODE of these lines from a place on.
  local function read_reports(node, first)
    local found = {}
    for i = first, first + PER_NODE - 1 do
      local address, members, listed, rest =
        crowds[node].lines[i]:match "^seen (%S+) %d+ %d+ (%d+) (%d+) (.*)$"
      assert.truthy(rest:match "^join:", address .. ": " .. rest)
      found[#found + 1] = { members = tonumber(members), listed = tonumber(listed), reasons = rest }
    end
    return found
  end

  -- All members of some nodes, up to one message, were notified of the same leaves and joins of nodes.
  local function all_were_told(nodes, members, pattern)
    local first = {}
    for _, node in ipairs(nodes) do first[node] = #crowds[node].lines + 1 end
    say(nodes[1], "report")
    for _, node in ipairs(nodes) do
      eventually(function() return #crowds[node].lines >= first[node] + PER_NODE - 1 end, "reports of node " .. node)
      for _, report in ipairs(read_reports(node, first[node])) do
        assert.equal(members, report.members)
        assert.equal(members, report.listed)
        assert.matches(pattern, report.reasons)
      end
    end
  end

  setup(function()
    tellers, crowds = {}, {}
    cluster = assert(lab.start(2))
    for node = 1, 2 do
      tellers[node] = start(node, groups.member_argv "crowd")
      has_members(node, node)
    end
  end)

  teardown(function() assert(cluster:stop()) end)

  it("reports all members to each, also after a partition and a merge", function()
    for node = 1, 2 do
      crowds[node] = start(node, { groups.interpreter, "spec/helpers/clients/crowd.lua", "crowd", tostring(PER_NODE) })
    end
    local all = 2 * PER_NODE + 2
    has_members(1, all)
    has_members(2, all)
    assert.equal(members_of(1), (members_of(2)))
    assert(cluster:partition({ 1 }, { 2 }))
    for node = 1, 2 do
      has_members(node, PER_NODE + 1)
      all_were_told({ node }, PER_NODE + 1, "nodedown:" .. PER_NODE + 1)
    end
    assert(cluster:heal())
    has_members(1, all)
    has_members(2, all)
    assert.equal(members_of(1), (members_of(2)))
    all_were_told({ 1, 2 }, all, "nodeup:" .. PER_NODE + 1)
    assert(cluster:kill(2))
    has_members(1, PER_NODE + 1)
    all_were_told({ 1 }, PER_NODE + 1, "nodedown:" .. 2 * (PER_NODE + 1))
  end)
end)
