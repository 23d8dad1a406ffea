local groups = require "spec.helpers.groups"
local lab = require "corosync.lab"

describe("a group on three nodes", function()
  local NAME = "spec"
  local cluster, members, addresses

  -- Whether a member has written that line since the last `forget`; one who came or left may be in a list with others,
  -- of nodes that got no CPU for too long.
  local function saw(node, text)
    local lines = members[node].lines
    local kind, one = text:match "^(%l+) (%d+:%d+=%l+)$"
    for i = members[node].forgotten + 1, #lines do
      local list = kind and lines[i]:match("^" .. kind .. " (.*)$")
      if lines[i] == text or list and ("," .. list .. ","):find("," .. one .. ",", 1, true) then return true end
    end
    return false
  end

  local function forget()
    for _, member in pairs(members) do member.forgotten = #member.lines end
  end

  local function all_see(nodes, text)
    for _, node in ipairs(nodes) do
      if not cluster:wait_for(function() return saw(node, text) end, 60) then
        local lines = table.concat(members[node].lines, "\n")
        error(("no '%s' on node %d, which has written:\n%s"):format(text, node, lines))
      end
    end
  end

  local function list(...)
    local texts = {}
    for i, node in ipairs { ... } do texts[i] = addresses[node] end
    table.sort(texts)
    return table.concat(texts, ",")
  end

  local function start(node)
    members[node] = assert(cluster:run(node, groups.member_argv(NAME), { host = true }))
    members[node].forgotten = 0
    addresses[node] = groups.address_of(members[node])
  end

  setup(function()
    cluster = assert(lab.start { nodes = 3, token = 1000 })
    members, addresses = {}, {}
    for node = 1, 3 do start(node) end
    all_see({ 1, 2, 3 }, "members " .. list(1, 2, 3))
  end)

  teardown(function() assert(cluster:stop()) end)

  before_each(function()
    for node = 1, 3 do
      if not cluster:members(node) then assert(cluster:restart(node)) end
      if members[node].exited then start(node) end
    end
    assert(cluster:wait_members({ 1, 2, 3 }, 60))
    assert(cluster:wait_for(function()
      for node = 1, 3 do
        local last
        for _, line in ipairs(members[node].lines) do last = line:match "^members .*" or last end
        if last ~= "members " .. list(1, 2, 3) then return false end
      end
      return true
    end, 60, "three members"))
    forget()
  end)

  it("delivers messages in the same order everywhere", function()
    local COUNT = 300
    for node = 1, 3 do assert(members[node]:write(("send %d n%d-\n"):format(COUNT, node))) end
    local function messages(node)
      local seen = {}
      for i = members[node].forgotten + 1, #members[node].lines do
        seen[#seen + 1] = members[node].lines[i]:match "^message .*"
      end
      return seen
    end
    assert(cluster:wait_for(function()
      return #messages(1) == 3 * COUNT and #messages(2) == 3 * COUNT and #messages(3) == 3 * COUNT
    end, 60, "all messages"))
    assert.same(messages(1), messages(2))
    assert.same(messages(1), messages(3))
    local next_of = { 1, 1, 1 }
    for _, line in ipairs(messages(1)) do
      local from, node, number = line:match "^message (%S+) n(%d)%-(%d+)$"
      node, number = tonumber(node), tonumber(number)
      assert.equal(addresses[node], from)
      assert.equal(next_of[node], number)
      next_of[node] = number + 1
    end
  end)

  it("reports a member that leaves", function()
    assert(members[3]:write "leave\n")
    all_see({ 1, 2, 3 }, "left " .. addresses[3] .. "=leave")
    all_see({ 1, 2 }, "members " .. list(1, 2))
    assert.equal(0, members[3]:wait(60))
    all_see({ 3 }, "end")
  end)

  it("reports a process that is killed", function()
    assert(cluster:kill_host(3))
    all_see({ 1, 2 }, "left " .. addresses[3] .. "=procdown")
    all_see({ 1, 2 }, "members " .. list(1, 2))
  end)

  it("reports a partition and its merge", function()
    assert(members[1]:write "ask\n")
    all_see({ 1 }, "quorate true nil")
    all_see({ 1 }, "version 2 u32")
    assert(cluster:partition({ 1, 2 }, { 3 }))
    all_see({ 1, 2 }, "left " .. addresses[3] .. "=nodedown")
    all_see({ 1, 2 }, "members " .. list(1, 2))
    all_see({ 3 }, "left " .. addresses[1] .. "=nodedown")
    all_see({ 3 }, "left " .. addresses[2] .. "=nodedown")
    all_see({ 3 }, "members " .. addresses[3])
    -- Quorum is another connection and may come after.
    assert(cluster:wait_for(function()
      assert(members[3]:write "ask\n")
      return saw(3, "quorate false nil")
    end, 60, "no quorum"))
    forget()
    assert(cluster:heal())
    all_see({ 1, 2 }, "came " .. addresses[3] .. "=nodeup")
    all_see({ 1, 2, 3 }, "members " .. list(1, 2, 3))
  end)

  it("reports a daemon that is killed, and its member that rejoins", function()
    assert(cluster:kill(3))
    assert(cluster:wait_for(function()
      return (members[3].lines[#members[3].lines] or ""):match "^disconnected .*Corosync on this node has gone"
    end, 60, "its being told"))
    assert(members[3]:write "try\n")
    all_see({ 3 }, "try nil not_connected")
    all_see({ 1, 2 }, "left " .. addresses[3] .. "=nodedown")
    all_see({ 1, 2 }, "members " .. list(1, 2))
    forget()
    assert(cluster:restart(3))
    all_see({ 1, 2, 3 }, "came " .. addresses[3] .. "=join")
    all_see({ 1, 2, 3 }, "members " .. list(1, 2, 3))
    assert(members[3]:write "send 1 back\n")
    all_see({ 1, 2, 3 }, "message " .. addresses[3] .. " back1")
    assert(members[3]:write "leave\n")
    all_see({ 3 }, "end")
  end)
end)
