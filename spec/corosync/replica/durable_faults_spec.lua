-- Members on real daemons whose storage is lost, old or unusable.
local cluster_of_spec = require "corosync.cluster"
local durable = require "spec.helpers.durable"
local files = require "spec.helpers.files"
local groups = require "spec.helpers.groups"
local replica = require "corosync.replica"
local replicas = require "spec.helpers.replicas"
local storage = require "corosync.replica.storage"
local storages = require "spec.helpers.storages"

describe("a replica that starts with its storage", function()
  after_each(function()
    replicas.clean()
    storages.remove()
  end)

  it("is ready when it has all that was confirmed before", function()
    local name, last, had = replicas.name(), nil, nil
    for round = 1, 2 do
      local app, list
      app = replicas.new({ storage = storages.path(), ready = function() had = #list.state end }, name)
      list = replicas.list(app)
      replicas.ready(app)
      assert.equal(round == 1 and 0 or last, had)
      for _ = 1, 20 do last = assert(list:submit "x") end
      replicas.clean()
    end
  end)
end)

describe("a replica whose storage cannot be used", function()
  local name

  before_each(function() name = replicas.name() end)

  after_each(function()
    replicas.clean()
    storages.remove()
  end)

  -- The replica is not made, and the process can make it with another storage.
  local function is_refused(expected, pattern, path)
    local app, message, code = replica(name, { storage = path or storages.path() })
    assert.same({ nil, expected }, { app, code }, message)
    assert.matches(pattern, message)
    assert.equal(1, replicas.list(replicas.new({ storage = storages.path "other.db" }, name)):submit "a")
  end

  -- Makes a storage file that belongs to another member.
  local function made_by(fields)
    local owner = { replica = name, node = assert(groups.new({}):address()).node,
      cluster = assert(cluster_of_spec.cmap_get "totem.cluster_name") }
    for field, value in pairs(fields) do
      owner[field] = value
    end
    assert(storage.open(storages.path(), owner)):close()
  end

  it("because it is another replica's, node's or cluster's is not made", function()
    local own = storages.path()
    for field, value in pairs { replica = "other", node = 77, cluster = "other" } do
      name = replicas.name()
      made_by { [field] = value }
      is_refused("foreign", "belongs to replica .* on node %d+ of cluster .*, not to replica")
      replicas.clean()
      assert(os.remove(own))
      assert(os.remove(storages.path "other.db"))
    end
  end)

  it("because it is damaged is not made", function()
    files.write(storages.path(), ("no database "):rep(1000))
    is_refused("damaged", "the file is damaged")
  end)

  it("because another process has it is not made", function()
    local other = replicas.spawn(name, ("options.storage = '%s'\n---\nlist()"):format(storages.path()))
    replicas.hears(other, "^up$")
    local app, message, code = replica(name, { storage = storages.path() })
    assert.same({ nil, "in_use" }, { app, code }, message)
  end)

  it("does not keep the file open when it cannot be started for another reason", function()
    replicas.new({}, name)
    collectgarbage "stop"
    finally(function() collectgarbage "restart" end)
    local app, message, code = replica(name, { storage = storages.path() })
    assert.same({ nil, "exist" }, { app, code }, message)
    replicas.clean()
    assert.equal(1, replicas.list(replicas.new({ storage = storages.path() }, name)):submit "a")
  end)

  it("because its folder is missing is not made", function()
    is_refused("no_folder", "its folder does not exist", storages.path "missing" .. "/shop.db")
  end)

  it("because its file system is read-only is not made", function()
    local path = storages.mount() .. "/shop.db"
    made_by {}
    assert.truthy(os.execute(("mount -n -o remount,bind,ro '%s'"):format(storages.mounted)))
    is_refused("read_only", "read%-only", path)
  end)

  it("because LuaSQL is missing is not made", function()
    local path, cpath, driver = package.path, package.cpath, package.loaded["luasql.sqlite3"]
    package.path, package.cpath, package.loaded["luasql.sqlite3"] = "", "", nil
    local app, message, code = replica(name, { storage = storages.path() })
    package.path, package.cpath, package.loaded["luasql.sqlite3"] = path, cpath, driver
    assert.same({ nil, "not_installed" }, { app, code }, message)
  end)

  it("because its machine cannot be restored raises in machine", function()
    local options = { storage = storages.path() }
    local text = { snapshot = function(state) return table.concat(state, " ") end, restore = function() return {} end }
    local app = replicas.new(options, name)
    assert.equal(1, replicas.list(app, "list", text):submit "a")
    replicas.clean()
    text.restore = function() error "cannot read it" end
    app = replicas.new(options, name)
    assert.has_error(function() replicas.list(app, "list", text) end)
  end)
end)

describe("a replica with storage on three nodes, one of which has lost it, #slow", function()
  local cluster, members
  local ALL = { 1, 2, 3 }

  setup(function() cluster = durable.start_lab() end)

  teardown(function() cluster:stop() end)

  before_each(function()
    members = durable.new(cluster)
    members:start_all()
    members:confirms(100)
  end)

  after_each(function() members:remove() end)

  local function shell(text, ...)
    assert.truthy(os.execute(text:format(...)), text)
  end

  it("learns the state when it comes back without storage", function()
    members:kill { 2 }
    shell("rm %s*", members:path(2))
    members:start(2)
    members:hears(2, "^(ready)$")
    members:confirms(50)
    -- After learning, the member's storage must be as good as before.
    members:kill { 1, 2, 3 }
    members:start(2)
    members:start(3)
    members:confirms(50)
    members:start(1)
    members:hears(1, "^(ready)$")
    members:check(ALL)
  end)

  it("learns the state when it comes back with an old copy of its storage", function()
    members:kill { 2 }
    shell("cd %s && mkdir old && cp node2.db* old", members.folder)
    members:start(2)
    members:hears(2, "^(ready)$")
    members:confirms(100)
    members:kill { 2 }
    members:confirms(50)
    shell("cd %s && rm node2.db* && mv old/* .", members.folder)
    members:start(2)
    members:hears(2, "^(ready)$")
    members:confirms(50)
    members:check(ALL)
  end)

  it("takes the newer state of another member after all nodes have lost power", function()
    members:kill { 2 }
    shell("cd %s && mkdir old && cp node2.db* old", members.folder)
    members:start(2)
    members:hears(2, "^(ready)$")
    members:confirms(100)
    members:fail_power(ALL)
    shell("cd %s && rm node2.db* && mv old/* .", members.folder)
    members:start(2)
    members:hears(2, "^(up)$")
    members:start(3)
    members:confirms(50)
    members:start(1)
    members:hears(1, "^(ready)$")
    members:check(ALL)
  end)
end)
