local corosync = require "corosync"
local groups = require "spec.helpers.groups"

local eventually, joined, new = groups.eventually, groups.joined, groups.new

-- Raises at the line in this file that calls, with a message that has that text.
local function raises(text, action)
  local ok, message = pcall(action)
  assert.is_false(ok)
  assert.truthy(message:find(text, 1, true), message)
  assert.matches("class_spec.lua:%d+:", message)
end

describe("a class passed to corosync.group", function()
  after_each(groups.clean)

  it("gets the group as the first argument of its methods", function()
    local Chat = {}
    Chat.__index = Chat
    function Chat:config_change(members, left, came)
      self.config = { self, #members, #left, #came }
    end
    function Chat:message_received(address, message)
      self.seen = (self.seen or 0) + 1
      self.last = message
      if message == "ping" and address == self:address() then assert(self:send_message "pong") end
    end
    local one, other = joined(Chat), joined(Chat)
    assert.equal(one, one.config[1])
    assert.same({ 1, 0, 1 }, { one.config[2], one.config[3], one.config[4] })
    assert(one:send_message "ping")
    assert(eventually(function() return one.seen == 2 end))
    assert.equal("pong", one.last)
    assert.is_nil(other.seen)
    assert.is_nil(rawget(Chat, "seen"))
  end)

  it("can be derived from another class", function()
    local Base = {}
    Base.__index = Base
    function Base.greeting() return "base" end
    function Base:message_received() self.told = self:greeting() end
    function Base:config_change() self.changes = (self.changes or 0) + 1 end
    local Derived = setmetatable({}, Base)
    function Derived:greeting() return "derived, " .. Base.greeting(self) end
    local group = joined(Derived)
    assert(group:send_message "x")
    assert(eventually(function() return group.told end))
    assert.equal("derived, base", group.told)
    assert.equal(1, group.changes)
  end)

  it("can override the group's methods", function()
    local Loud = {}
    Loud.__index = Loud
    function Loud:send_message(message) return corosync.Group.send_message(self, message:upper()) end
    function Loud:message_received(_, message) self.got = message end
    local group = joined(Loud)
    assert(group:send_message "quiet")
    assert(eventually(function() return group.got end))
    assert.equal("QUIET", group.got)
  end)

  it("can have methods for errors and rings", function()
    local Class = {}
    Class.__index = Class
    function Class:message_received(_, message) error(message) end -- luacheck: ignore 212
    function Class:error(message) self.problem = message end
    function Class:ring_change(ring, nodes) self.ring, self.nodes = ring, nodes end
    local group = joined(Class)
    assert(group:send_message "trouble")
    assert(eventually(function() return group.problem and group.ring end))
    assert.matches("trouble\nstack traceback:", group.problem)
    assert.equal(1, group.ring.node)
    assert.equal("number", type(group.ring.seq))
    assert.same({ 1 }, group.nodes)
  end)

  it("can be changed: the current methods are called", function()
    local Class = {}
    Class.__index = Class
    local group = joined(Class)
    assert(group:send_message "nobody listens")
    function Class:message_received(_, message) self.got = message end
    assert(eventually(function() return group.got end))
    assert.equal("nobody listens", group.got)
  end)

  it("can have fields of any name", function()
    local Class = { answer = 42 }
    Class.__index = Class
    assert.equal(42, new(Class).answer)
  end)

  it("raises for a method that looks like a misspelt handler", function()
    local Class = { config_changed = function() end }
    Class.__index = Class
    raises("method 'config_changed': did you mean 'config_change'?", function() corosync.group("name", Class) end)
    Class.config_change = function() end
    assert(corosync.group("name", Class))
  end)
end)
