-- Members with storage whose disk is full, and large states and many new bases.
local durable = require "spec.helpers.durable"
local storage = require "corosync.replica.storage"

describe("a replica with storage on three nodes #slow", function()
  local cluster, members
  local ALL = { 1, 2, 3 }
  local COUNT = "app:barrier() local n = 0 for _ in app:map 'bulk':each() do n = n + 1 end print('values', n)"

  setup(function() cluster = durable.start_lab() end)

  teardown(function() cluster:stop() end)

  before_each(function() members = durable.new(cluster) end)

  after_each(function() members:remove() end)

  local function command(node, text, ...)
    local code, _, errors = cluster:command(node, { "sh", "-c", text:format(...) })
    assert(code == 0, errors)
  end

  -- Mounts a disk of `size` megabytes on a node. Returns the path of a storage on it.
  local function mount(node, size)
    local path = members.folder .. "/disk"
    command(node, "mkdir %s && mount -n -t tmpfs -o size=%dm tmpfs %s", path, size, path)
    return path .. "/node.db"
  end

  local function unmount(node)
    members:kill { node }
    command(node, "umount -n %s/disk", members.folder)
  end

  -- Puts a large value for each number into a map, ten at a time: the writers write meanwhile.
  local function fill_map(node, values, bytes)
    members:run(node, ("local map, left = app:map 'bulk', 10 for first = 1, 10 do coroutine.wrap(function() "
      .. "for i = first, %d, 10 do map:set('k' .. i, ('%%05d'):format(i):rep(%d / 5)) end "
      .. "left = left - 1 if left == 0 then print 'filled' end end)() end"):format(values, bytes))
    members:hears(node, "^(filled)$")
  end

  it("lets a member whose disk is full leave, and come back by itself when there is room", function()
    local path = mount(3, 40)
    members:start(1)
    members:start(2)
    members:start(3, { path = path, padding = 1000 })
    members:confirms(100)
    members:hears(3, "^(ready)$")
    for _ = 1, 2 do
      members:run(3, "app:lock 'l':acquire { lost = function(why) print('lost', why) end } print 'holds'")
      members:hears(3, "^(holds)$")
      command(3, "head -c 100M /dev/zero > %s/disk/filler 2>/dev/null; true", members.folder)
      local problem = members:hears(3, "^problem\t(.*leaves its group.*)$")
      assert.matches("until its storage works again: .*the disk is full", problem)
      assert.equal("storage", (members:hears(3, "^lost\t(.*)$")))
      assert.matches("the disk is full", (members:hears(3, "^suspended\t(.*)$")))
      members:confirms(100)
      command(3, "rm %s/disk/filler", members.folder)
      members:hears(3, "^problem\t(.*works again)$")
      members:hears(3, "^(ready)$")
      members:confirms(50)
    end
    members:check(ALL)
    unmount(3)
  end)

  it("lets a learner without room for the state leave, and come back when there is room", function()
    members:start(1)
    members:start(2)
    members:hears(1, "^(ready)$")
    fill_map(1, 300, 10000)
    members:start(3, { path = mount(3, 5) })
    assert.matches("the disk is full", (members:hears(3, "^problem\t(.*leaves its group.*)$")))
    members:confirms(100)
    command(3, "mount -n -o remount,size=50m %s/disk", members.folder)
    members:hears(3, "^problem\t(.*works again)$")
    members:hears(3, "^(ready)$")
    members:run(3, COUNT)
    assert.equal("300", (members:hears(3, "^values\t(%d+)$")))
    members:check(ALL)
    unmount(3)
  end)

  it("gives a learner a large state, which it still has after a loss of power", function()
    members:start(1)
    members:start(2)
    members:hears(1, "^(ready)$")
    fill_map(1, 2000, 10000)
    members:start(3, { patience = 0.3 }) -- less than what it takes to store the state
    members:hears(3, "^(ready)$")
    members:confirms(50)
    members:fail_power(ALL)
    members:start_all()
    members:hears(3, "^(ready)$")
    members:run(3, COUNT)
    assert.equal("2000", (members:hears(3, "^values\t(%d+)$")))
    members:check(ALL)
  end)

  it("has all that was confirmed when it is killed while new bases are written", function()
    members:start_all { writers = 4, padding = 10000 }
    members:hears(1, "^(ready)$")
    fill_map(1, 300, 10000)
    for _ = 1, 4 do
      members:confirms(math.random(100, 500)) -- a new base is due every 400
      members:kill(ALL)
      members:start_all { writers = 4, padding = 10000 }
    end
    members:confirms(500)
    local first = members:check(ALL)
    members:kill(ALL)
    -- The file must have a base and only some of the commands.
    local store = assert(storage.open(members:path(1), { replica = members.name, node = 1, cluster = "lab" }))
    local content, entries = store:load(), 0
    for _ in content.entries do
      entries = entries + 1
    end
    store:close()
    assert.is_true(content.base ~= nil and entries < first.count)
  end)
end)
