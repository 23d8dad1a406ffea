-- Wrong arguments to functions of replicas and their objects.
local replica = require "corosync.replica"
local replicas = require "spec.helpers.replicas"

describe("wrong arguments", function()
  after_each(replicas.clean)

  local function problem(f, ...)
    local ok, message = pcall(f, ...)
    assert.is_false(ok)
    return message
  end

  it("of replica raise an error that names the argument", function()
    assert.matches("#1 'name' to 'replica' %(string expected, got nil%)", problem(replica))
    assert.matches("#1 'name' to 'replica' %(1 to 120 bytes", problem(replica, ("x"):rep(121)))
    assert.matches("#1 'name' to 'replica'", problem(replica, ""))
    assert.matches("#2 'options' to 'replica' %(table expected, got number%)", problem(replica, "x", 1))
    assert.matches("unknown field 'timeot': did you mean 'timeout'%?", problem(replica, "x", { timeot = 1 }))
    assert.matches("field 'timeout': number expected, got string", problem(replica, "x", { timeout = "1" }))
    for field, kind in pairs { timeout = "a number", patience = "a number", window = "an integer",
      copies = "an integer" } do
      for _, value in ipairs { 0, -1, 0 / 0, kind == "an integer" and 1.5 or nil } do
        assert.matches(("field '%s': %s above 0"):format(field, kind), problem(replica, "x", { [field] = value }))
      end
    end
    for _, path in ipairs { "", "a\0b" } do
      assert.matches("field 'storage': the path of a file expected", problem(replica, "x", { storage = path }))
    end
  end)

  it("of dispatch raise an error that names the argument", function()
    local app = replicas.new()
    for _, budget in ipairs { -1, "1", false, 0 / 0 } do
      assert.matches("arguments_spec.lua:%d+: bad argument #1 'budget' to 'dispatch'",
        problem(function() app:dispatch(budget) end))
    end
  end)

  it("of machine raise an error that names the argument", function()
    local app = replicas.new()
    local function make(...) return problem(app.machine, app, ...) end
    local function apply() end
    assert.matches("#1 'name' to 'machine'", make(nil, {}))
    assert.matches("#2 'methods' to 'machine' %(table expected, got nil%)", make "x")
    assert.matches("field 'apply': function expected, got nil", make("x", {}))
    assert.matches("unknown field 'aply': did you mean 'apply'%?", make("x", { aply = apply }))
    assert.matches("'snapshot' and 'restore': both or neither", make("x", { apply = apply, snapshot = apply }))
    assert.matches("field 'codec': functions 'encode' and 'decode'", make("x", { apply = apply, codec = {} }))
    app:machine("x", { apply = apply })
    assert.matches("machine 'x' is defined already", make("x", { apply = apply }))
    for _, state in ipairs { 0, "", false } do
      local message = "^[^:]*arguments_spec.lua:%d+: the state of machine 'y' is not a plain table: it is a "
      assert.matches(message .. type(state),
        make("y", { apply = apply, initial = function() return state end }))
    end
  end)

  it("raise an error when a method is called with a dot, or for an object of another kind", function()
    local app = replicas.new()
    local objects = { app = app, machine = replicas.list(app), map = app:map "m", lock = app:lock "l",
      leader = app:leader("e", { elected = function() end }), calls = app:calls {},
      held = assert(app:lock "k":acquire()) }
    local text = "arguments_spec.lua:%%d+: %s is a method: call it with a colon, as %s:%s%%(...%%)"
    for object, methods in pairs {
      app = { "map", "machine", "lock", "leader", "every", "barrier", "calls", "status", "close", "dispatch", "fd",
        "pollfd", "events", "timeout" },
      machine = { "submit" }, lock = { "acquire", "release", "holder" }, held = { "release" }, leader = { "resign" },
      map = { "set", "replace", "delete", "increment", "get", "each", "watch" }, calls = { "one", "all", "any" },
    } do
      for _, name in ipairs(methods) do
        local function raises(self)
          assert.matches(text:format(name, object, name), problem(function() objects[object][name](self) end))
        end
        raises "x"
        raises { "x" }
        for kind, other in pairs(objects) do
          if kind ~= object then raises(other) end
        end
      end
    end
  end)
end)

describe("a replica", function()
  after_each(replicas.clean)

  it("cannot be made twice in a process", function()
    local app = replicas.new()
    local second, message, code = replica(app.name)
    assert.is_nil(second)
    assert.equal("exist", code)
    assert.matches("cannot make replica '" .. app.name:gsub("%-", "%%-") .. "': this process is already a member of it",
      message)
  end)

  it("has machines whose state cannot be set", function()
    local list = replicas.listed()
    local _, problem = pcall(function() list.state = {} end)
    assert.matches("arguments_spec.lua:%d+: the state of a machine cannot be set", problem)
    list.note = "of the script"
    assert.equal("of the script", list.note)
    assert.same({}, list.state)
  end)
end)
