-- The events of a member's group: its handlers, and those of its connections that need more. The functions take a
-- member (member.lua).
local core = require "corosync.binding"
local presence = require "corosync.resty.node.presence"
local reload = require "corosync.resty.reload"
local roles = require "corosync.resty.node.roles"
local store = require "corosync.resty.node.store"

local group_events = {}

-- Something that each member's own connection reports. The member keeps it in case it becomes the holder.
local function note_fact(self, kind, ...)
  self.facts[kind] = { ... }
  if self.is_member and self.is_holder then
    self.writer:push(kind, ...)
  end
end

-- Whether another worker that can become the holder has a connection.
local function has_partner(self)
  for _, pid in ipairs(self.seat:others(self.store)) do
    if presence.get(self.store, pid) then
      return true
    end
  end
  return false
end

local function disconnected(self, reason)
  if self.is_holder then
    self.writer:append()
  end
  self.is_member, self.is_holder, self.facts = false, false, {}
  presence.clear(self.store, ngx.worker.pid())
  if self.leave_by then
    return
  elseif not has_partner(self) then
    self.writer:note("down", reason)
    self.messages:refuse_all(reason)
  end
  if not self.record.wanted then
    self.record.hooks.activate(self.record) -- it has overflowed
  end
end

function group_events.handlers(self, options)
  local own = {
    config_change = function(...) roles.config_change(self, ...) end,
    ring_change = function(ring, nodes) note_fact(self, "ring", ring.node, ring.seq, nodes) end,
    view_change = function() end, -- without it there is no connection to quorum
    disconnected = function(reason) disconnected(self, reason) end,
  }
  for name, value in pairs(options) do
    own[name] = value
  end
  return own
end

-- ---- its connections ----

function group_events.open(self, own)
  local handle, message, code = core.cpg.open(own)
  if not handle then
    return nil, message, code
  end
  local ok, problem = presence.set(self.store, ngx.worker.pid(), reload.CONFIGURATION)
  if not ok then
    handle:close()
    return store.failure("join", self.group, #reload.CONFIGURATION, problem)
  end
  self.is_member, self.is_holder = false, false
  function own.messages_received(...) self:messages_received(...) end -- not one of the handle's handlers
  self.writer:reset()
  return handle
end

function group_events.open_quorum(self, own)
  local quorum_change = own.quorum_change
  function own.quorum_change(quorate, members, ring)
    local known = quorate
    if known == nil then
      known = "unknown"
    end
    note_fact(self, "quorum", known, ring.node, ring.seq)
    quorum_change(quorate, members, ring)
  end
  return core.quorum.open(own)
end

return group_events
