local groups = require "spec.helpers.groups"
local uv = require "luv"

local refused, recorder, texts = groups.refused, groups.recorder, groups.texts

local eventually, joined, new, reaches, state =
  groups.eventually, groups.joined, groups.new, groups.reaches, groups.state

describe("group:activate and group:deactivate", function()
  after_each(groups.clean)

  it("notify the group of its own join", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert.equal(1, #seen.configs)
    local config = seen.configs[1]
    assert.equal(1, #config.members)
    assert.equal(0, #config.left)
    assert.equal(1, #config.joined)
    assert.equal("join", config.joined[1].reason)
    local own = config.joined[1].address
    assert.is_true(own == config.members[1])
    assert.equal((group:cmap_get "nodelist.node.0.nodeid"), own.node)
    assert.equal(uv.os_getpid(), own.pid)
    assert.is_true(group:is_active())
  end)

  it("accept group names of 1 and of 128 bytes", function()
    for _, name in ipairs { "n", ("n"):rep(128) } do
      local handlers, seen = recorder()
      local group = joined(handlers, name)
      assert(group:send_message "hello")
      assert(eventually(function() return #seen.messages == 1 end))
      assert.equal(1, #group:members())
    end
  end)

  it("accept group names with NUL bytes", function()
    local handlers, seen = recorder()
    local other_handlers, other_seen = recorder()
    local one, other = joined(handlers, "spec\0one"), joined(other_handlers, "spec\0other")
    assert(one:send_message "for one")
    assert(other:send_message "for other")
    assert(eventually(function() return #seen.messages == 1 and #other_seen.messages == 1 end))
    assert.same({ "for one" }, texts(seen))
    assert.same({ "for other" }, texts(other_seen))
  end)

  it("are not needed for the group's address", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    local before = assert(group:address())
    assert.is_false(group:is_active())
    assert(group:activate())
    assert(reaches(group, "joined"))
    assert.is_true(before == seen.configs[1].joined[1].address)
    assert.is_true(before == group:address())
  end)

  it("notify the group of its own leave, after which it is inactive", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert.is_true(group:deactivate())
    assert.is_false(group:is_active())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
    local config = seen.configs[2]
    assert.equal(0, #config.members)
    assert.equal(0, #config.joined)
    assert.equal(1, #config.left)
    assert.equal("leave", config.left[1].reason)
    assert.is_true(config.left[1].address == group:address())
    refused("not_joined", group:fd())
  end)

  it("leave whatever the group's timeout is", function()
    for _, timeout in ipairs { 0, -1, 0 / 0, math.huge } do
      local group = joined((recorder()))
      group.timeout = timeout
      assert(group:deactivate())
    end
  end)

  it("have no effect when called twice", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    assert.is_true(group:deactivate())
    assert.is_true(group:activate())
    assert.is_true(group:activate())
    assert(reaches(group, "joined"))
    assert.is_true(group:activate())
    assert.is_true(group:deactivate())
    assert.is_true(group:deactivate())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
  end)

  it("can be called again", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    for _ = 1, 2 do
      assert(group:deactivate())
      assert(reaches(group, "idle"))
      assert(group:activate())
      assert(group:send_message "again")
    end
    assert(eventually(function() return #seen.messages == 2 end))
    assert.equal(5, #seen.configs)
  end)

  it("rejoin when activate is called while the group leaves", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:deactivate())
    assert.is_true(group:activate())
    assert(eventually(function() return #seen.configs == 3 end))
    assert.equal("leave", seen.configs[2].left[1].reason)
    assert.equal("join", seen.configs[3].joined[1].reason)
    assert.is_true(group:is_active())
  end)

  it("allow sending after a rejoin", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:deactivate())
    assert(group:activate())
    assert.is_true(group:is_active())
    assert.is_true(group:send_message "back")
    assert.equal(3, #seen.configs)
    assert(eventually(function() return #seen.messages == 1 end))
  end)

  it("leave the group inactive when deactivate was called last", function()
    local handlers, seen = recorder()
    local group = joined(handlers)
    assert(group:deactivate())
    assert(group:activate())
    assert(group:deactivate())
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
    assert.same({}, group:members())
  end)

  it("work before the join is complete", function()
    local handlers, seen = recorder()
    local group = new(handlers)
    assert(group:activate())
    assert(group:deactivate())
    assert.is_false(group:is_active())
    refused("not_joined", group:send_message "no")
    assert(reaches(group, "idle"))
    assert.equal(2, #seen.configs)
  end)

  it("make the group inactive at once, although its join is still reported", function()
    local group, told = nil, {}
    group = new {
      config_change = function(_, _, came)
        if #came > 0 then
          told[#told + 1] = group:is_active()
          if #told == 1 then assert(group:activate()) end
        end
      end,
    }
    assert(group:activate())
    assert(group:deactivate())
    assert(eventually(function() return #told == 2 end))
    assert.same({ false, true }, told)
    assert.equal("joined", state(group))
  end)

  it("work inside a handler", function()
    local handlers, seen = recorder()
    local group
    local record = handlers.message_received
    function handlers.message_received(...)
      record(...)
      assert(group:deactivate())
    end
    group = joined(handlers)
    assert(group:send_message "the last")
    assert(reaches(group, "idle"))
    assert.same({ "the last" }, texts(seen))
    assert.equal("leave", seen.configs[2].left[1].reason)
  end)

  it("work inside the handler of the group's own leave", function()
    local group, events = nil, {}
    group = joined {
      config_change = function(_, left)
        events[#events + 1] = #left > 0 and "left" or "joined"
        if #events == 2 then assert(group:activate()) end
      end,
    }
    assert(group:deactivate())
    assert(eventually(function() return #events == 3 end))
    assert.same({ "joined", "left", "joined" }, events)
  end)

  it("do not affect another group of the process", function()
    local handlers, seen = recorder()
    local staying, leaving = joined(handlers), joined()
    assert(leaving:deactivate())
    assert(reaches(leaving, "idle"))
    assert.is_true(staying:send_message "still here")
    assert(eventually(function() return #seen.messages == 1 end))
    assert.equal(1, #seen.configs)
    assert.equal(1, #staying:members())
  end)

  it("fail while the process is already in the group", function()
    local first = joined()
    local second = new({}, first.name)
    refused("exist", second:activate())
    assert.is_false(second:is_active())
    assert(first:deactivate())
    assert(reaches(first, "idle"))
    assert.is_true(second:activate())
    assert(reaches(second, "joined"))
  end)
end)
