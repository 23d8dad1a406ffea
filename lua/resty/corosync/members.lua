-- A group whose worker knows when it may have missed messages: while the ring stays the same, none is lost.
local corosync_resty = require "corosync.resty"
local errors = require "corosync.errors"
local list = require "corosync.list"

local Members = {}
Members.__index = Members

-- Why this worker must not rely on the messages, or nil if it receives all of them and has quorum.
function Members:problem()
  if not self.group:is_active() then
    return "this worker is exiting and has left"
  end
  return self.why
end

function Members:log(level, format, ...)
  ngx.log(level, ("corosync: %s: " .. format):format(errors.quote(self.group.name), ...))
end

local function set_problem(self, why)
  if self.why ~= why then
    self.why = why
    self:log(ngx.NOTICE, "%s", why and "bypassed: " .. why or "in use")
  end
end

local function missed(self, why)
  set_problem(self, why)
  self.on.missed()
end

local function has(addresses, field, value)
  for _, address in ipairs(addresses) do
    if address[field] == value then
      return true
    end
  end
  return false
end

local function on_config(self, left, joined)
  local own = self.group:address()
  if has(left, "reason", "nodedown") or has(joined, "reason", "nodeup") then
    missed(self, "nodes have come or gone")
  elseif list.set(joined)[own] then
    missed(self, "this worker has just joined")
  elseif self.on.left_here and has(left, "node", own.node) then
    self.on.left_here()
  end
end

-- A ring may have broken without a change of members.
local function on_ring(self, ring)
  local id = ("%d.%s"):format(ring.node, tostring(ring.seq))
  if self.ring ~= id then
    self.ring = id
    missed(self, "Corosync has formed a new ring")
  end
end

local function on_view(self, view)
  if view.reason then
    set_problem(self, "Corosync has no quorum provider")
  else
    set_problem(self, not view.quorate and "this node has no quorum" or nil)
  end
end

-- Joins a group. `on`: functions `message(address, message)`; `missed()`, called when messages may have been missed;
-- and `left_here()`, called when a process of this node has left (optional). The object, or nil, message, code.
local function new(name, on, settle)
  local self = setmetatable({ on = on, why = "this worker has not joined yet" }, Members)
  local message, code
  self.group, message, code = corosync_resty.group(name, {
    settle = settle,
    config_change = function(_, left, joined) on_config(self, left, joined) end,
    ring_change = function(ring) on_ring(self, ring) end,
    view_change = function(view) on_view(self, view) end,
    disconnected = function(reason) missed(self, reason) end,
    message_received = on.message,
  }, { per = "worker" })
  return self.group and self, message, code
end

return { new = new }
