local corosync = require "corosync"
local groups = require "spec.helpers.groups"

local refused = groups.refused

-- Raises at the line in this file that calls, with a message that has that text.
local function raises(text, action)
  local ok, message = pcall(action)
  assert.is_false(ok)
  assert.truthy(message:find(text, 1, true), message)
  assert.matches("new_spec.lua:%d+:", message)
end

describe("corosync.group", function()
  it("raises without a name", function()
    raises("'name' to 'group' (string expected, got nil)", function() corosync.group() end)
    raises("'name' to 'group' (string expected, got table)", function() corosync.group({}) end)
  end)

  it("raises for a name that is not 1 to 128 bytes long", function()
    raises("'name' to 'group' (1 to 128 bytes expected, got 0)", function() corosync.group("", {}) end)
    raises("'name' to 'group' (1 to 128 bytes expected, got 129)", function() corosync.group(("n"):rep(129), {}) end)
  end)

  it("raises without a table of handlers", function()
    raises("'handlers' to 'group' (table expected, got nil)", function() corosync.group("name") end)
    raises("'handlers' to 'group' (table expected, got function)", function() corosync.group("name", print) end)
  end)

  it("raises for an unknown handler, naming it", function()
    raises("unknown field 'message_recieved': did you mean 'message_received'?", function()
      corosync.group("name", { message_recieved = print })
    end)
    raises("unknown field '1'", function() corosync.group("name", { print }) end)
  end)

  it("has methods that raise when they are called as functions, naming them", function()
    local group = corosync.group("name", {})
    for name, method in pairs(corosync.Group) do
      if type(method) == "function" then
        raises(name .. " is a method: call it with a colon, as group:" .. name, function() group[name]() end)
        raises(name .. " is a method: call it with a colon, as group:" .. name, function() group[name]({}) end)
      end
    end
  end)

  it("raises for a handler that is not a function, naming it", function()
    raises("field 'config_change': function expected, got table", function()
      corosync.group("name", { config_change = {} })
    end)
    raises("field 'split': boolean expected, got number", function() corosync.group("name", { split = 1 }) end)
  end)

  it("raises for an option that cpg.open rejects, naming it", function()
    raises("#2 'handlers' to 'group' (field 'window' is a number, and a number of messages from 1 on is expected)",
      function() corosync.group("name", { window = 0 }) end)
    raises("#2 'handlers' to 'group' (unknown field 'bytes')", function()
      corosync.group("name", { reader = { bytes = 1 } })
    end)
    local Class = { daemon_user = -1 }
    Class.__index = Class
    raises("#2 'handlers' to 'group' (field 'daemon_user' is a number", function() corosync.group("name", Class) end)
  end)

  it("does not connect yet", function()
    local group = corosync.group("name", {})
    assert.is_false(group:is_active())
    refused("not_joined", group:fd())
    refused("not_joined", group:dispatch())
    refused("not_joined", group:wait_for(function() end, 0))
  end)

  it("is shown by tostring with its escaped name and its state", function()
    assert.matches([[^corosync%.group 'a\0+b' %(idle%)$]], tostring(corosync.group("a\0b", {})))
  end)
end)
