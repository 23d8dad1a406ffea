-- Which member is the holder: the one that has joined first. When it has left, the next one begins by appending what it
-- has kept. The functions take a member (member.lua).
local list = require "corosync.list"
local presence = require "corosync.resty.node.presence"
local Group = require("corosync.group").Group

local roles = {}

local GAP = "the workers that received for this node have ended, and no other was ready to continue"

local function flatten(addresses, with_reason)
  local flat = {}
  for _, each in ipairs(addresses) do
    flat[#flat + 1], flat[#flat + 2] = each.node, each.pid
    flat[#flat + 1] = with_reason and each.reason or nil
  end
  return flat
end

-- The pids of this nginx's other members.
local function others(self, members, own)
  local pids = {}
  for _, each in ipairs(members) do
    if each.node == own.node and each.pid ~= own.pid and presence.get(self.store, each.pid) then
      pids[each.pid] = true
    end
  end
  return pids
end

-- Leaves, and joins again: it cannot tell which of its events the log has.
function roles.rejoin(self)
  ngx.log(ngx.WARN, "corosync: group ", self.name, ": this worker's events differ from the node's: it joins again")
  self.is_member, self.is_holder = false, false
  Group.deactivate(self.record.object)
end

local function hold(self, members)
  local is_right = self.writer:follow() and self.writer.is_synchronized
  self.is_holder = true
  if not is_right then
    self.writer:begin(flatten(members), GAP)
  end
  self.store.dict:safe_set(self.holder_key, self.messages.bell:name())
  for kind, values in pairs(self.facts) do
    self.writer:push(kind, values[1], values[2], values[3])
  end
  self.workers:ring(self.messages.bell, "messages")
end

local function joined(self, members, own)
  self.is_member = true
  self.writer:joined(own)
  self.elders = others(self, members, own) -- those that have joined before
  if not next(self.elders) then
    hold(self, members)
  end
end

local function changed(self, members, left, new)
  self.writer:push("change", flatten(left, true), flatten(new, true))
  for _, each in ipairs(left) do
    if each.node == self.writer.own.node then
      self.elders[each.pid] = nil
    end
  end
  if not self.is_holder and not next(self.elders) then
    hold(self, members)
  end
end

local function left_group(self, members, own)
  if self.is_holder and not next(others(self, members, own)) then
    self.writer:note("down", false)
  end
  self.is_member, self.is_holder = false, false
  presence.clear(self.store, own.pid)
end

-- The group's members have changed.
function roles.config_change(self, members, left, new)
  local own = self.record.address
  if list.set(left)[own] then
    left_group(self, members, own)
  elseif list.set(new)[own] then
    joined(self, members, own)
  elseif self.is_member then
    changed(self, members, left, new)
  end
end

return roles
