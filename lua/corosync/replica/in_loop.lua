-- Makes and starts a member's group, on corosync.loop or for a loop of the caller's own.
local Group = require("corosync.group").Group
local defaults = require "corosync.replica.defaults"
local members = require "corosync.replica.member"
local new_group = require("corosync.group.object").new
local own_handle = require "corosync.own_handles"
local registry = require "corosync.replica.registry"

local in_loop = {}

function in_loop.new_group(...)
  return new_group(Group, ...)
end

-- Starts the timer for a member's periodic work.
local function start_timer(member)
  local uv = require "luv"
  local timer = own_handle(uv.new_timer())
  timer:start(1000 * members.TICK, 1000 * members.TICK, function() member:tick() end)
  timer:unref()
  member.timer = {
    close = function() member.record.loop.dispose(timer) end,
    -- Whether the loop runs on although the group has left it.
    keep_loop = function(is_needed) timer[is_needed and "ref" or "unref"](timer) end,
  }
end

-- Waits until an earlier replica of that name, which was closed, has left its group, because a process can be in a
-- group only once.
local function await_leave(name)
  local earlier = registry.last(name)
  if earlier then
    return earlier:handle_until(function() return earlier.record.state == "idle" end)
  end
  return true
end

-- Returns true, or nil, message, code.
function in_loop.start(member)
  local ok, message, code = await_leave(member.name)
  local path = ok and defaults.storage_path(member.name, member.options)
  if path then
    ok, message, code = member:open_storage(path)
  end
  if not ok then
    return nil, message, code
  elseif member.options.loop == false then
    return member.group:activate()
  end
  local loop = require "corosync.loop"
  ok, message, code = loop.add(member.group)
  if ok then
    member.loop, member.defers = loop, true
    start_timer(member)
  end
  return ok, message, code
end

return in_loop
