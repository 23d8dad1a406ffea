local files = require "spec.helpers.files"
local follower = require "cpgrun.check.history_follower"
local uv = require "luv"

describe("the follower of histories that are being written", function()
  local root, scripts

  before_each(function() root, scripts = assert(uv.fs_mkdtemp "/tmp/spec-follower-XXXXXX"), {} end)
  after_each(function() os.execute("rm -r " .. root) end)

  -- Scripts that run on the given nodes of a cluster.
  local function follow(nodes, running)
    for _, node in ipairs(running) do
      scripts[node] = { folder = ("%s/%d"):format(root, node) }
      assert(uv.fs_mkdir(scripts[node].folder, tonumber("700", 8)))
    end
    local hosts = { cluster = { nodes = nodes } }
    function hosts.each()
      local node = 0
      return function()
        repeat node = node + 1 until node > nodes or scripts[node]
        return node <= nodes and node or nil, scripts[node]
      end
    end
    return follower.new(hosts)
  end

  local function write(node, group, more)
    files.write(("%s/%d/%s"):format(root, node, group), ("group %s\nactivate\n%s"):format(group, more or ""))
  end

  it("lets any script without replicas be killed", function()
    local it = follow(2, { 1, 2 })
    write(1, "duty")
    write(2, "duty")
    assert.is_true(it:can_lose(1))
  end)

  it("lets a script be killed if a majority keeps the replica's state, even if a member is suspended", function()
    local it = follow(3, { 1, 2, 3 })
    write(1, "duty.replica")
    write(2, "duty.replica", "ready\n")
    write(3, "duty.replica", "ready\nsuspended because\n")
    assert.is_true(it:can_lose(1))
    assert.is_false(it:can_lose(2))
    write(1, "duty.replica", "suspended because\nready\n")
    assert.is_true(it:can_lose(2))
  end)

  it("lets no script be killed that is needed for a majority while another one is down or has just started", function()
    local it = follow(3, { 1, 2 })
    write(1, "duty.replica", "ready\n")
    write(2, "duty.replica", "ready\n")
    assert.is_false(it:can_lose(1))
    follow(3, { 3 })
    assert.is_false(it:can_lose(1))
    write(3, "other.replica")
    write(3, "duty.replica", "ready\n")
    assert.is_false(it:can_lose(1))
  end)

  it("lets a script be killed only if a majority keeps the state of each replica", function()
    local it = follow(3, { 1, 2, 3 })
    for node = 1, 3 do
      write(node, "duty.replica", "ready\n")
    end
    write(1, "other.replica", "ready\n")
    write(2, "other.replica", "ready\n")
    assert.is_false(it:can_lose(1))
    assert.is_true(it:can_lose(3))
    write(3, "other.replica", "ready\n")
    assert.is_true(it:can_lose(1))
  end)

  it("does not count the states of observers and of closed replicas", function()
    local it = follow(3, { 1, 2, 3 })
    write(1, "duty.replica", "ready\n")
    write(2, "duty.replica", "ready\n")
    write(3, "duty.replica", "observing\n")
    assert.is_false(it:can_lose(1))
    assert.is_true(it:can_lose(3))
    for node = 1, 3 do
      write(node, "closed.replica", "ready\ndeactivate\n")
    end
    assert.is_true(it:can_lose(3))
    write(1, "closed.replica", "ready\ndeactivate\nactivate\n")
    assert.is_false(it:can_lose(3))
  end)

  it("reports when each member of a replica has had its state", function()
    local it = follow(2, { 1, 2 })
    assert.is_true(it:have_states())
    write(1, "duty.replica", "ready\n")
    write(2, "duty.replica")
    assert.is_false(it:have_states())
    write(2, "duty.replica", "observing\n")
    assert.is_true(it:have_states())
  end)

  it("lets no script with a replica be killed on two nodes", function()
    local it = follow(2, { 1, 2 })
    write(1, "duty.replica", "ready\n")
    write(2, "duty.replica", "ready\n")
    assert.is_false(it:can_lose(1))
    assert.is_false(it:can_lose(2))
  end)
end)
