-- A view needs values of Corosync's map. If they cannot be read, the member must try again, because no other view may
-- follow.
local cluster = require "corosync.cluster"
local replicas = require "spec.helpers.replicas"

describe("a replica whose first requests to Corosync fail", function()
  local node_count, cmap_get = cluster.node_count, cluster.cmap_get
  local problems

  before_each(function() problems = {} end)

  after_each(function()
    cluster.node_count, cluster.cmap_get = node_count, cmap_get
    replicas.clean()
  end)

  local function begin()
    return replicas.new { error = function(message) problems[#problems + 1] = message end }
  end

  -- Returns a function that fails twice, and then calls `f`.
  local function failing(f)
    local count = 0
    return function(...)
      count = count + 1
      if count <= 2 then
        return nil, "cannot ask: too many open files", "no_resources"
      end
      return f(...)
    end
  end

  it("becomes ready once it can read the number of nodes", function()
    cluster.node_count = failing(node_count)
    replicas.ready(begin())
    assert.same({ "cannot ask: too many open files" }, problems)
  end)

  it("becomes ready once it can read whether its node has had a state", function()
    cluster.cmap_get = failing(cmap_get)
    replicas.ready(begin())
    assert.same({ "cannot ask: too many open files" }, problems)
  end)
end)
