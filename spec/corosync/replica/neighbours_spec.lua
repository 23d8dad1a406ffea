-- On a node with storage, only one process may become full.
local replicas = require "spec.helpers.replicas"
local storages = require "spec.helpers.storages"

describe("a replica with storage beside another process of its node", function()
  after_each(function()
    replicas.clean()
    storages.remove()
  end)

  local problems

  local function begin(options)
    problems = {}
    options.error = function(message) problems[#problems + 1] = message end
    local app = replicas.new(options)
    assert.equal(1, replicas.list(app):submit "a")
    return app
  end

  local function spawn(app, options)
    local other = replicas.spawn(app.name, options .. "\n---\nlist()")
    replicas.hears(other, "^ready$")
    return other
  end

  local PATTERN = "is also a member of replica .*all others on that node must be observers"

  it("reports that one of the two must be an observer", function()
    local app = begin { storage = storages.path() }
    spawn(app, "")
    assert(replicas.eventually(function() return #problems > 0 end))
    assert.equal(1, #problems)
    assert.matches(PATTERN, problems[1])
  end)

  it("is reported by the member without storage, too", function()
    local app = begin {}
    spawn(app, ("options.storage = '%s'"):format(storages.path()))
    assert(replicas.eventually(function() return #problems > 0 end))
    assert.matches(PATTERN, problems[1])
  end)

  it("reports nothing if the other one is an observer", function()
    local app = begin { storage = storages.path() }
    spawn(app, "options.observer = true")
    assert.same({}, problems)
  end)
end)
