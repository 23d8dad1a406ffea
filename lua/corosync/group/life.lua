-- How a group comes and goes: idle -> joining -> joined -> leaving -> left -> idle. When its connection is lost it is
-- reconnecting, and then joining again.
local core = require "corosync.binding"
local handlers = require "corosync.handlers"
local patience = require "corosync.group.patience"
local pollable = require "corosync.group.pollable"
local view = require "corosync.group.view"

-- A connection from before the daemon's restart, or of the process that this one is a fork of.
local STALE = { not_connected = true, wrong_process = true }

local life = {}

local function contains(addresses, address)
  for _, each in ipairs(addresses) do
    if each == address then
      return true
    end
  end
  return false
end

-- What a group notes of an event before the script hears of it, so that it may for instance send in its handler.
local note = {}

function note.config_change(group, members, left, joined)
  local own = group._handle:address()
  group._views:config(members, left, joined)
  if group._state == "joining" and contains(joined, own) then
    group._state = "joined"
  elseif contains(left, own) then
    group._state = "left"
  end
end

function note.ring_change(group, ring, nodes)
  group._views:ring(ring, nodes)
end

function life.is_member(group)
  return group._state == "joining" or group._state == "joined"
end

-- Whether it will have joined, if all goes well.
function life.is_joining(group)
  return group._state == "joining" or group._rejoin
end

-- What tells when dispatch has something to do: the connection, several in one, or the time to reconnect.
function life.awaited(group)
  return group._retry and group._retry.timer or group._pollset or group._handle
end

-- The connection, opened at first need. A handle that has left cannot join again, so each activation has a new one.
function life.connect(group)
  if group._handle then
    return group._handle
  end
  local own = handlers.for_handle(group, note)
  function own.error(message) handlers.report(group, message) end
  group._own = own
  own.previous = group._previous
  local handle, message, code = core.cpg.open(own)
  own.previous = nil -- not to keep all the earlier ones
  group._handle = handle
  group._address = handle and handle:address() or group._address
  return handle, message, code
end

-- No loop waits for the descriptor any more: before that is closed, or when another takes its place.
local function unwatch(group)
  if group._loop then
    group._loop.remove(group)
  end
  pollable.forget(group)
end

function life.disconnect(group)
  unwatch(group)
  if group._retry then
    group._retry.timer:arm()
    group._retry = false
  end
  if group._pollset then
    group._pollset:close()
    group._pollset = false
  end
  if group._views then
    group._views:close()
    group._views, group._given_up_at = nil, nil
  end
  if group._handle then
    group._handle:close()
    group._previous, group._handle = group._handle, nil
  end
  group._state = "idle"
  pollable.show_hidden(group)
end

-- The connection that tells of quorum, without which there are no views. True, or nil, message, code.
function life.open_views(group)
  group._views = group._views or view.new(handlers.option(group, "daemon_user"))
  return group._views:open()
end

-- For who wants to be told of views: that connection, and one descriptor for both.
local function prepare_views(group)
  group._views = group._views or view.new(handlers.option(group, "daemon_user"))
  if not handlers.find(group, "view_change") then
    return true
  end
  local fd, message, code = group._handle:fd()
  local ok = fd
  if ok then
    ok, message, code = life.open_views(group)
  end
  if ok then
    group._pollset, message, code = core.pollset(fd, group._views:fd())
  end
  return group._pollset and true, message, code
end

-- What tells when it is time to reconnect, made before it is needed: descriptors may be missing then. A loop that
-- brings the group back in its own way needs none. True, or nil, message, code.
function life.prepare_return(group)
  if group._timer or group._loop and group._loop.pause then
    return true
  end
  local message, code
  group._timer, message, code = core.pollset()
  return group._timer and true, message, code
end

-- The group does not come back by itself.
function life.release(group)
  if group._timer then
    group._timer:close()
    group._timer = false
  end
end

-- Lets whatever waits for the group wait for what is awaited now.
function life.watch(group)
  local ok, message, code = pollable.follow(group)
  if ok and group._loop then
    return group._loop.watch(group)
  end
  return ok, message, code
end

-- Connects and asks to join, once. True; or nil, message, code, and the group is idle.
local function try_to_join(group, join)
  group._ended_by = nil
  local handle, message, code = life.connect(group)
  local ok = handle
  if ok then
    ok, message, code = life.prepare_return(group)
  end
  if ok then
    ok, message, code = prepare_views(group)
  end
  if ok then
    ok, message, code = join(group)
  end
  if ok then
    group._state = "joining"
    ok, message, code = life.watch(group)
  end
  if not ok then
    life.disconnect(group)
  end
  return ok, message, code
end

local function join_patiently(group)
  return patience.persist(group, "join", "join", group.name)
end

local function join_now(group)
  return group._handle:join(group.name)
end

-- Waits while the cluster's membership is changing.
function life.join(group)
  local kept = group._handle ~= nil
  local ok, message, code = try_to_join(group, join_patiently)
  if not ok and kept and STALE[code] then
    ok, message, code = try_to_join(group, join_patiently)
  end
  if ok then
    return true
  end
  life.release(group)
  return nil, message, code
end

-- What a method of the connection answers; where the group is not active, that of a new one if need be.
function life.ask(group, method, ...)
  local kept = group._state == "idle" and group._handle
  local handle, message, code = life.connect(group)
  if not handle then
    return nil, message, code
  end
  local answer
  answer, message, code = handle[method](handle, ...)
  if answer == nil and kept and STALE[code] then
    life.disconnect(group)
    return life.ask(group, method, ...)
  end
  return answer, message, code
end

-- Does not wait.
function life.join_now(group)
  return try_to_join(group, join_now)
end

function life.leave(group)
  local ok, message, code = patience.persist(group, "leave", "leave")
  -- Its reader may have left, at its limit: what that has kept comes first, and then the reason.
  if ok or code == "not_joined" then
    group._state = "leaving"
  elseif code == "not_connected" then
    life.disconnect(group)
    life.release(group)
  else
    return nil, message, code
  end
  return true
end

-- The group has left, and its script has heard of it.
function life.finish_leaving(group)
  life.disconnect(group)
  if not group._rejoin then
    life.release(group)
    return
  end
  group._rejoin = false
  local ok, message, code = group:activate()
  if not ok and (code == "not_connected" or code == "timeout" or code == "try_again") then
    group:_stay_wanted(message)
  elseif not ok then
    handlers.report(group, message)
  end
end

return life
