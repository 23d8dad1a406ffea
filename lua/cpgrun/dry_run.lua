-- `cpgrun --check`: the script runs without Corosync.
local corosync = require "corosync"
local defaults = require "corosync.replica.defaults"
local log = require "cpgrun.log"
local errors = require "corosync.errors"
local script = require "cpgrun.script"
local uv = require "luv"
local waiting = require "corosync.replica.waiting"

local Group = corosync.Group
local dry_run = {}

local function yes() return true end

-- A map that accepts all values and has none.
local function empty_map()
  local map = { set = yes, delete = yes, increment = yes, decrement = yes }
  function map.get(_, key) return Group.cmap_get(nil, key) end
  function map.each() return function() end end
  function map.track() return { cancel = yes } end
  return map
end

-- What waits in objects of replicas while the script loads is told this: a lock that is held, and a call that reached
-- nobody. A coroutine waits on, because what it does with a lock must not happen beside the cluster's holder.
local function nothing_to_wait_for(member)
  while waiting.yieldable(member) do
    coroutine.yield()
  end
  return { { name = "none", token = 1, release = yes, answers = {}, why = "no cluster with --check",
    code = "not_connected" } }
end

-- Replaces the connections of all groups, the script's own and those that it creates, and of cmap and quorum.
function dry_run.prepare()
  Group.activate, Group.deactivate, Group.send_message, Group.is_quorate = yes, yes, yes, yes
  corosync.loop.add = yes
  function Group.address() return { node = 1, pid = uv.os_getpid() } end
  function Group.members() return {} end
  function Group.cmap_get(_, key) return nil, ("cannot get cmap key '%s': not connected"):format(key), "not_exist" end
  function Group.view() return nil, "there is no view: not connected", "try_again" end
  waiting.submit, waiting.result = yes, nothing_to_wait_for -- of replicas
  function defaults.storage_path() end
  _G.cmap, _G.quorum = empty_map(), { quorate = yes }
end

-- Prints the result after the script has loaded, and returns the exit status.
function dry_run.report(options)
  local name, message = script.group_name(options.script, options.group)
  local pack = nil
  if name then
    pack, message = script.pack(options.script, options.pack)
  end
  if pack == nil then
    log.error(message)
    return 1
  end
  print(("%s would run in group %s"):format(options.script, errors.quote(name)))
  return 0
end

return dry_run
