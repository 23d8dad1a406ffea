-- When a member (member.lua) that its worker no longer wants may leave: once other members have joined.
local core = require "corosync.binding"
local presence = require "corosync.resty.node.presence"
local reload = require "corosync.resty.reload"
local seat = require "corosync.resty.node.seat"

local successors = { PATIENCE = 10 } -- seconds that it waits for them

local ALONE = 2 -- seconds that it waits for a worker to begin if it cannot tell whether nginx is being reloaded

local now = core.now

-- How many other workers want the group, or will when they have begun.
local function expected(self)
  local workers = self.workers:count() -- without this one, which does not want it any more
  if not ngx.worker.exiting() then
    return workers
  elseif workers == 0 and now() < self.leave_by - successors.PATIENCE + ALONE then
    return reload.workers() or 1
  end
  return reload.workers() or workers
end

-- Whether it is a member that stays. All workers of one configuration exit together, but not at the same moment.
local function stays(self, pid)
  local what = presence.get(self.store, pid)
  return what and what ~= presence.LEAVES and not (ngx.worker.exiting() and what == reload.CONFIGURATION)
end

-- Whether the group can do without this member: others have joined that stay, or no worker wants the group. The member
-- with the lowest pid leaves last, so that other nodes see the address of this node change only once.
function successors.are_ready(self)
  local workers, stay, own = expected(self), 0, self.record.address
  if not self.is_member or workers == 0 then
    return true
  end
  local members = self.writer.state.members
  for i = 1, #members, 2 do
    local pid = members[i + 1]
    if members[i] == own.node and stays(self, pid) then
      stay = stay + 1
    elseif members[i] == own.node and pid > own.pid and presence.get(self.store, pid) then
      return false
    end
  end
  return stay >= math.min(workers, seat.COUNT)
end

return successors
