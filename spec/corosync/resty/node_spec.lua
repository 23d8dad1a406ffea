-- Groups of which a node is a member once, for all its nginx workers.
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"

local cluster

local function start(node, env, count)
  return nginx.node_app(cluster, node, env, count)
end

local function load(server)
  return server:begin_request(("8090/load?pause=0.005&text=n%d-"):format(server.node))
end

local function unload(server, client)
  server:request "8090/unload"
  assert(client:wait(20))
  return client.lines[1]
end

-- Lets some messages arrive at a server.
local function let_pass(server, count)
  server:says("^%d+ message", #server:find "^%d+ message" + count)
end

-- Each worker that ever ran has received a part of `all` without a gap, from its last start on. Returns how many
-- workers there were.
local function assert_no_gaps(server, all)
  local place, last, count = {}, {}, 0
  for i, message in ipairs(all) do place[message] = i end
  for _, line in ipairs(server.lines) do
    local pid, kind, rest = line:match "^(%d+) (%a+) (.*)$"
    if kind == "config" and not last[pid] then
      count = count + 1
      last[pid] = 0
    elseif kind == "disconnected" then
      last[pid] = 0
    elseif kind == "message" then
      local here = assert(place[rest], line)
      assert.is_true(last[pid] == 0 or last[pid] + 1 == here, line .. " after " .. tostring(all[last[pid]]))
      last[pid] = here
    end
  end
  return count
end

-- The pid that stands for a node.
local function presence(server)
  return server:request "8090/address":match ":(%d+)"
end

-- All that the handlers of a worker were told about the members of a node.
local function changes(server, pid, node)
  local found = {}
  for _, line in ipairs(server:find("^" .. pid .. " config %d+ (.*)$")) do
    if line:find(" " .. node .. ":", 1, true) then found[#found + 1] = line end
  end
  return found
end

setup(function() cluster = assert(lab.start(3)) end)
teardown(function() assert(cluster:stop()) end)
after_each(nginx.clean)

describe("a group of nodes in nginx #slow", function()
  it("delivers one order to all workers of all nodes, of which two each are members", function()
    local app, other = start(1, { SPEC_HANDLERS = "sleep dict" }), start(2)
    local member = nginx.member(app, 3)
    nginx.request_at_once({ app, other }, "8090/send?count=40", "sent")
    local heard = nginx.sequences(app, "last", nginx.workers(app, other))
    assert.equal(241, #heard[1])
    nginx.assert_same_order(heard)
    for _, address in ipairs { presence(app), presence(other) } do
      assert.is_not_nil(address)
    end
    assert.equal("3", other:request "8090/members")
    local listed
    for _, line in ipairs(member.lines) do listed = line:match "^members (.*)$" or listed end
    assert.equal(5, select(2, listed:gsub("[^,]+", "")))
  end)

  it("loses nothing when the worker that is the node's member is killed", function()
    local app, other = start(1), start(2)
    local watcher = other:children()[1]
    local client = load(other)
    let_pass(app, 100)
    local before = #changes(other, watcher, 1)
    for _ = 1, 3 do
      local count = #app:find "^%d+ config %d+ left  joined 1:"
      let_pass(app, 100)
      app:signal("KILL", presence(app))
      nginx.node_joined(app, count + 1)
    end
    let_pass(app, 100)
    assert.matches("^%d+ $", unload(other, client))
    local heard = nginx.sequences(other, "last", nginx.workers(other))
    nginx.assert_same_order(heard)
    app:says("^%d+ message %S+ last$", 3)
    assert.equal(6, assert_no_gaps(app, heard[1]))
    assert.same({}, app:find "^%d+ disconnected.*")
    assert.same({}, app:find "%[error%].*")
    local seen = changes(other, watcher, 1)
    for i = before + 1, #seen do
      assert.matches("^left 1:%d+=%a+ joined 1:%d+=join$", seen[i]) -- never without the node
    end
  end)

  it("loses nothing when nginx is reloaded, slowly, and other nodes see one leave and one join", function()
    local app, other = start(1, nil, 8), start(2)
    local watcher, old = other:children()[1], app:children()
    local client = load(other)
    local own = assert(cluster:run(1, { "sh", "-c",
      "for i in $(seq 40); do curl -sS http://127.0.0.1:8090/send?text=own$i; done" }))
    let_pass(app, 100)
    local before = #changes(other, watcher, 1)
    app:request "8090/begin_late"
    app:signal "HUP"
    nginx.node_joined(app, 16)
    for _, pid in ipairs(old) do
      app:wait_for("worker " .. pid .. " to end", function()
        return cluster:command(1, { "test", "-d", "/proc/" .. pid }) == 1
      end, 30)
    end
    let_pass(app, 100)
    assert.matches("^%d+ $", unload(other, client))
    assert(own:wait(60))
    for _, line in ipairs(own.lines) do -- one that is leaving says so
      assert.is_true(line == "sent" or line:match "^not_joined: " ~= nil, line)
    end
    local heard = nginx.sequences(other, "last", nginx.workers(other))
    app:says("^%d+ message %S+ last$", 8)
    assert.equal(16, assert_no_gaps(app, heard[1]))
    assert.same({}, app:find "^%d+ disconnected.*")
    local after = changes(other, watcher, 1)
    assert.equal(before + 1, #after, table.concat(after, "\n"))
    assert.matches("^left 1:%d+=leave joined 1:%d+=join$", after[#after])
  end)
end)
