-- Reconstructs from histories what the members of all groups sent, and delivered in which configuration.
local match_deliveries = require "corosync.checker.match_deliveries"
local replay = require("corosync.checker.member").replay

local trace = {}

-- The sessions of a second history of the same member are left out.
local function add_member(self, member)
  local group = self.groups[member.group] or {}
  self.groups[member.group] = group
  local other = member.address and group[member.address]
  if other then
    member.notify("on_second_history", member, other)
    member.sessions = {}
  elseif member.address then
    group[member.address] = member
  end
  table.insert(self.members, member)
  for _, session in ipairs(member.sessions) do
    session.group, session.member = member.group, member
    table.insert(self.sessions, session)
  end
end

local function add_ended(self, member)
  for _, left in ipairs(member.unknown_left) do
    self.ended_in_merge[left.address] = true
  end
  for address in pairs(member.ended_in_merge) do
    self.ended_in_merge[address] = true
  end
end

--- Returns `members`, one a history; `sessions` of all members; `groups`: by name, members by address; and
-- `ended_in_merge`: by address, whether its process ended while rings merged. Such a member may be one for some and not
-- for others.
function trace.of(histories, notify)
  local self = { members = {}, sessions = {}, groups = {}, ended_in_merge = {} }
  for _, history in ipairs(histories) do
    local member = replay(history, notify)
    add_member(self, member)
    add_ended(self, member)
  end
  match_deliveries(self)
  return self
end

return trace
