-- Other processes of a node must learn what one of them has noted, even after a restart of Corosync.
local cluster_of_spec = require "corosync.cluster"
local cmap = require "corosync.cmap"
local core = require "corosync.binding"
local kill = require("spec.helpers.program").kill
local lab = require "corosync.lab"
local notes = require "corosync.replica.member.notes"
local ordinary = require "spec.helpers.ordinary_user"
local persistence = require "corosync.replica.member.persistence"
local replicas = require "spec.helpers.replicas"
local uv = require "luv"

local hears, run = replicas.hears, replicas.run

describe("the notes of a node", function()
  local prefix

  before_each(function() prefix = notes.prefix("spec", 1, replicas.name(), "held") end)
  after_each(function() os.execute("rm -rf /dev/shm/" .. prefix .. "*") end)

  local function names()
    local found = {}
    for i, file in ipairs(core.list_files("/dev/shm", prefix)) do
      found[i] = file.name:sub(#prefix + 1)
    end
    table.sort(found)
    return found
  end

  it("do not exist at first", function() assert.is_false(notes.newest(prefix)) end)

  it("keep the newest generation, whoever notes it last", function()
    assert.is_true(notes.keep(prefix, "7.8.1.9", "a"))
    assert.is_true(notes.keep(prefix, "7.8.1.10", "b"))
    assert.is_true(notes.keep(prefix, "7.8.1.9", "c"))
    assert.equal("7.8.1.10", notes.newest(prefix))
    assert.same({ "7.8.1.10.b" }, names())
    assert.is_true(notes.keep(prefix, "8.4.1.0", "c"))
    assert.equal("8.4.1.0", notes.newest(prefix))
  end)

  it("differ by cluster, node, replica and kind", function()
    local all = { { "spec", 1, "a", "held" }, { "other", 1, "a", "held" }, { "spec", 2, "a", "held" },
      { "spec", 1, "b", "held" }, { "spec", 1, "a", "promised" } }
    local seen = {}
    for _, each in ipairs(all) do
      local one = notes.prefix(each[1], each[2], each[3], each[4])
      assert.is_nil(seen[one])
      seen[one] = true
    end
  end)

  it("ignore links, folders and names without a generation", function()
    local path = "/dev/shm/" .. prefix
    os.execute(("ln -s /dev/null %s9.9.9.9.a; mkdir %s9.9.9.8.a; touch %sx"):format(path, path, path))
    assert.is_false(notes.newest(prefix))
  end)

  it("ignore files that another user may have linked", function()
    local path = "/dev/shm/" .. prefix
    os.execute(("touch %s9.9.9.9.a"):format(path)) -- its owner may write
    assert.is_false(notes.newest(prefix))
    os.execute(("chmod 444 %s9.9.9.9.a"):format(path))
    assert.equal("9.9.9.9", notes.newest(prefix))
  end)

  it("cost one request to Corosync for each owner, however many files there are", function()
    local ask, list, asked = cluster_of_spec.cmap_get, core.list_files, 0
    finally(function() cluster_of_spec.cmap_get, core.list_files = ask, list end)
    function cluster_of_spec.cmap_get()
      asked = asked + 1
      return nil, "it is not there", "not_exist"
    end
    function core.list_files()
      local files = {}
      for i = 1, 100 do
        files[i] = { name = ("%s%d.1.1.1.a"):format(prefix, i), uid = 65534, gid = 65534, is_own = false }
      end
      return files
    end
    assert.is_false(notes.newest(prefix))
    assert.equal(8, asked) -- four keys, and the folder is read twice
  end)

  it("are not written through a link", function()
    local target = os.tmpname()
    assert(os.remove(target))
    os.execute(("ln -s %s /dev/shm/%s7.8.1.9.a"):format(target, prefix))
    local ok, message, code = core.create_file("/dev/shm/" .. prefix .. "7.8.1.9.a")
    assert.same({ nil, "io_error" }, { ok, code })
    assert.matches("^cannot create /dev/shm/.*: File exists$", message)
    assert.is_nil(io.open(target))
  end)

  if #ordinary.prefix > 0 then
    it("count only if Corosync lets their owner connect", function()
      assert.is_true(notes.keep(prefix, "7.8.1.9", "a"))
      local path = ("/dev/shm/%s9.9.9.9.a"):format(prefix)
      assert.is_true(core.create_file(path))
      assert(uv.fs_chown(path, ordinary.uid, ordinary.uid))
      assert.equal("7.8.1.9", notes.newest(prefix))
      for _, key in ipairs { "uidgid.uid.", "uidgid.gid." } do
        local map = assert(cmap.open())
        assert(map:set(key .. ordinary.uid, 1, "u8"))
        assert.equal("9.9.9.9", notes.newest(prefix))
        assert(map:delete(key .. ordinary.uid))
        map:close()
      end
      assert.equal("7.8.1.9", notes.newest(prefix))
    end)
  end

  it("cannot be read without the folder", function()
    local list, message, code = core.list_files("/dev/shm/nothing", "a")
    assert.same({ nil, "cannot list /dev/shm/nothing: No such file or directory", "io_error" }, { list, message, code })
  end)
end)

describe("a member that has begun a generation", function()
  after_each(replicas.clean)

  it("has noted that it holds the generation, and that it had promised it", function()
    local app = replicas.new()
    replicas.ready(app)
    local found = assert(persistence.read_notes(replicas.member(app)))
    assert.matches("^%d+%.%d+%.%d+%.0$", found.noted)
    assert.equal(found.noted, found.promised)
  end)

  it("leaves a newer note of another process in Corosync's map", function()
    local app = replicas.new()
    replicas.ready(app)
    local member, newer = replicas.member(app), "9007199254740991.8.1.0"
    local noted = assert(persistence.read_notes(member)).noted
    local map = assert(cmap.open())
    assert(map:set(member.note_key, newer, "string"))
    assert.is_true(persistence.note(member, "held", noted))
    assert.equal(newer, map:get(member.note_key))
    assert(map:close())
  end)

  it("finds its note when Corosync's map or the folder no longer has it", function()
    local app = replicas.new()
    replicas.ready(app)
    local member = replicas.member(app)
    local noted = assert(persistence.read_notes(member)).noted
    local map = assert(cmap.open())
    assert(map:delete(member.note_key))
    assert.equal(noted, persistence.read_notes(member).noted)
    assert(map:set(member.note_key, noted, "string"))
    assert(map:close())
    assert(os.execute(("rm /dev/shm/%s*"):format(member.note_prefixes.held)))
    assert.equal(noted, persistence.read_notes(member).noted)
  end)
end)

describe("a member that cannot note what it holds", function()
  local create = core.create_file

  after_each(function()
    core.create_file = create
    replicas.clean()
  end)

  it("confirms nothing until it can", function()
    local problems = {}
    core.create_file = function() return nil, "cannot create it: No space left on device", "io_error" end
    local app = replicas.new { error = function(message) problems[#problems + 1] = message end }
    local list, result = replicas.list(app), nil
    assert.is_true(list:submit("a", function(count) result = count end))
    local function has_left() return select(6, app:status()) == "cannot create it: No space left on device" end
    assert(replicas.eventually(has_left))
    core.create_file = create
    assert(replicas.eventually(function() return result end))
    assert.equal(1, result)
    assert.equal(2, #problems)
    assert.matches("leaves its group until it can write its note: cannot create it: No space", problems[1])
    assert.matches("replica .* can write its note again", problems[2])
  end)
end)

-- Node 1 has an old process and a new one. Node 2 has the newest state, and node 3 misses it.
describe("an old process of a node whose Corosync has restarted #slow", function()
  local SOURCE = [[
options.patience, options.timeout = 1, 60
---
list = list()
]]
  local cluster, name, programs

  setup(function() cluster = assert(lab.start { nodes = 3, token = 500 }) end)
  teardown(function() assert(cluster:stop()) end)

  before_each(function() name, programs = replicas.name(), {} end)
  after_each(function()
    kill(programs)
    replicas.clean()
  end)

  local function start(node)
    local program = assert(cluster:run(node, replicas.argv(name, SOURCE)))
    programs[#programs + 1] = program
    return program
  end

  local function submit(program, command)
    run(program, ("print('result', list:submit '%s')"):format(command))
    return hears(program, "^result\t(%S+)")
  end

  it("does not speak for the node", function()
    local old, two, three = start(1), start(2), start(3)
    for _, program in ipairs(programs) do hears(program, "^ready$") end
    assert.equal("1", submit(two, "a"))
    local new = start(1)
    hears(new, "^ready$")
    old:kill "sigstop"
    assert(cluster:partition({ 1, 2 }, { 3 }))
    assert(cluster:wait_members({ 1, 2 }, 30))
    assert.equal("2", submit(new, "b"))
    new:kill "sigkill"
    assert(new:wait(10))
    assert(cluster:kill(1))
    assert(cluster:partition({ 1, 3 }, { 2 }))
    assert(cluster:restart(1))
    assert(cluster:wait_members({ 1, 3 }, 30))
    old:kill "sigcont"
    for _, program in ipairs { old, three } do
      run(program, "wait_for 'too few nodes have a state'")
      assert.equal("blocked", hears(program, "^is\t(.*)$"))
    end
    assert(cluster:heal())
    for _, program in ipairs { old, two, three } do
      run(program, "app:barrier() show(list.state)")
      assert.equal("a b", hears(program, "^state\t(.*)$"))
    end
  end)
end)
