-- Lua 5.4's garbage collector with a large state.
local function fresh_collector()
  package.loaded["corosync.replica.machines.collector"] = nil
  return require "corosync.replica.machines.collector"
end

-- Returns the mode without changing it.
local function mode()
  local found = collectgarbage "incremental"
  collectgarbage(found)
  return found
end

describe("the garbage collector with a large state", function()
  if _VERSION ~= "Lua 5.4" then
    it("is left alone, because it divides collections by default", function() fresh_collector().divide() end)
    return
  end

  local before
  before_each(function() before = collectgarbage "generational" end)
  after_each(function() collectgarbage(before) end)

  it("divides collections, which the generational mode does not", function()
    fresh_collector().divide()
    assert.equal("incremental", mode())
  end)

  it("is set once, so that a program can choose another mode", function()
    local collector = fresh_collector()
    collector.divide()
    collectgarbage "generational"
    collector.divide()
    assert.equal("generational", mode())
  end)
end)
