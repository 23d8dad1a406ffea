-- What a replica and its commands are recorded as.
local recorded = require "spec.helpers.recorded"
local replicas = require "spec.helpers.replicas"

describe("a recorded command", function()
  before_each(recorded.begin)
  after_each(recorded.clean)

  -- The kinds of outcomes in the history that this code writes with its replica `app`.
  local function outcomes(code)
    recorded.run(('local app = assert(require "corosync.replica" %q)'):format(replicas.name()) .. code
      .. "assert(app:close())")
    local found = {}
    for _, path in ipairs(recorded.files()) do
      for line in io.lines(path) do
        found[#found + 1] = line:match "^(ok) %d" or line:match "^(failed) %d" or line:match "^(unknown) %d"
      end
    end
    return found
  end

  it("of the script's machine has succeeded, whatever table it returns", function()
    assert.same({ "ok", "ok", "ok" }, outcomes [[
      local given = { { false }, { false, "not_there" }, { false, 5 } }
      local machine = app:machine("any", { apply = function(_, command) return given[#command] end })
      for i = 1, 3 do
        assert(machine:submit(("x"):rep(i)))
      end
    ]])
    assert.is_true(recorded.check().ok)
  end)

  it("of a map that was refused has failed", function()
    assert.same({ "ok", "failed" }, outcomes [[
      local map = app:map "m"
      assert(map:set("word", "x"))
      assert(not map:increment "word")
    ]])
  end)
end)

describe("a recorded replica", function()
  before_each(recorded.begin)
  after_each(recorded.clean)

  it("notes when it is ready and when it no longer is", function()
    recorded.run(([[
      local loop = require "corosync.loop"
      local app = assert(require "corosync.replica"(%q, { ready = function() loop.stop() end }))
      loop.run()
      assert(app:close())]]):format(replicas.name()))
    local found = {}
    for _, path in ipairs(recorded.files()) do
      for line in io.lines(path) do
        found[#found + 1] = line:match "^ready$" or line:match "^suspended .+$"
      end
    end
    assert.same({ "ready", "suspended it is closed" }, found)
    assert.is_true(recorded.check().ok)
  end)
end)
