-- States that cannot be sent to members that join.
local flat = require "corosync.replica.machines.flat"
local replicas = require "spec.helpers.replicas"

describe("a state that is not a plain table", function()
  after_each(replicas.clean)

  local app, box, problems

  local function begin(methods)
    problems = {}
    app = replicas.new { patience = 1, error = function(message) problems[#problems + 1] = message end }
    local all = { apply = function(state, command)
      state.count = (state.count or 0) + 1
      state.odd = command == "odd" and print or nil
      return state.count
    end }
    for name, value in pairs(methods or {}) do
      all[name] = value
    end
    box = app:machine("box", all)
  end

  local function is_reported(pattern)
    assert(replicas.eventually(function() return problems[1] ~= nil end))
    assert.matches(pattern, problems[1])
  end

  it("is reported, and its members go on when others join", function()
    begin()
    assert.equal(1, box:submit "odd")
    is_reported "cannot get the state: the state of machine 'box' is not a plain table: field .odd is a function"
    local other = replicas.spawn(app.name, [[options.patience = 1
---
app:machine("box", { apply = function() end })]])
    assert(replicas.eventually(function() return #select(5, app:status()) == 1 end))
    assert.equal(2, box:submit "odd")
    assert.equal(3, box:submit "even")
    replicas.hears(other, "^ready$")
    assert.equal(1, #problems)
  end)

  it("is named by members that wait for it", function()
    begin()
    assert.equal(1, box:submit "even")
    local machine = replicas.member(app).machines.by_name.box
    machine.base, machine.is_large = { odd = print }, true -- as the base of a large state that follows it
    local other = replicas.spawn(app.name, [[options.patience = 1
---
app:machine("box", { apply = function() end })
timer = require("luv").new_timer()
timer:start(0, 50, function() print("why", (select(6, app:status()))) end)]])
    replicas.hears(other, "^why\tmember %d+:%d+ cannot send it the state: the state of machine 'box' is not a plain")
    is_reported "cannot get the state: the state of machine 'box' is not a plain table"
    machine.base = { count = 1 }
    replicas.hears(other, "^ready$")
  end)

  it("is refused as the first one", function()
    begin()
    local function define(state)
      app:machine("other", { apply = function() end, initial = function() return state end })
    end
    local circle = {}
    circle.circle = circle
    assert.error_matches(function() define { f = print } end, "'other' is not a plain table: field .f is a function")
    assert.error_matches(function() define(circle) end, "'other' is not a plain table: .*contains itself")
    assert.error_matches(function() define(nil) end, "'other' is not a plain table: it is a nil")
    define {}
    assert.equal(1, box:submit "even")
  end)

  it("is refused piece by piece", function()
    local function read(value)
      for _ in flat.pieces(value) do end -- luacheck: ignore 542
    end
    local circle = { { { "x" } } }
    circle[1][1][2] = circle
    assert.error_matches(function() read(circle) end, "contains itself")
    assert.error_matches(function() read { [false] = 1 } end, "a boolean")
    assert.error_matches(function() read { a = { b = print } } end, "field .b is a function")
    assert.error_matches(function() read { a = setmetatable({}, {}) } end, "a metatable")
    local shared = {}
    read { shared, shared, { shared } }
  end)

  it("is told from one with long strings, each of which has a piece of its own", function()
    local long = ("x"):rep(100000)
    local state, builder = { "a", { long, "b" }, long, { long } }, flat.builder(1)
    for piece in flat.pieces(state) do
      local bytes = 0
      for _, item in ipairs(piece) do
        bytes = bytes + (type(item) == "string" and #item or 0)
      end
      assert.is_true(bytes <= #long)
      builder:add(piece)
    end
    assert.same(state, builder:finish()[1])
  end)

  it("is reported when `snapshot` fails, and the members go on", function()
    local is_broken = false
    begin {
      snapshot = function(state)
        if is_broken then error "it is broken" end
        return tostring(state.count or 0)
      end,
      restore = function(text) return { count = tonumber(text) } end,
    }
    assert.equal(1, box:submit "even")
    is_broken = true
    local other = replicas.spawn(app.name, [[app:machine("box", {
      apply = function(state) state.count = state.count + 1 return state.count end,
      snapshot = function(state) return tostring(state.count) end,
      restore = function(text) return { count = tonumber(text) } end,
      initial = function() return { count = 0 } end,
    })]])
    replicas.hears(other, "^ready$") -- an older snapshot and the commands since are as good
    assert.equal(2, box:submit "even")
    is_reported "it is broken"
  end)
end)
