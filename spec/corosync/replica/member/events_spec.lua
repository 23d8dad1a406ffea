-- What a member reads from Corosync's map when it is told of a view.
local cluster = require "corosync.cluster"
local replicas = require "spec.helpers.replicas"

describe("a replica whose Corosync cannot be asked for a moment", function()
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

  -- Fails twice.
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

  it("becomes ready when the number of nodes is known", function()
    cluster.node_count = failing(node_count)
    replicas.ready(begin())
    assert.same({ "cannot ask: too many open files" }, problems)
  end)

  it("becomes ready when it is known whether its node has had a state", function()
    cluster.cmap_get = failing(cmap_get)
    replicas.ready(begin())
    assert.same({ "cannot ask: too many open files" }, problems)
  end)
end)
