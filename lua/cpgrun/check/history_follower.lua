-- Reads the histories of running scripts while they are written: whether the members of each group agree, which groups
-- have settled, and on which nodes replicas have their states.
local SUFFIX = require("corosync.replica.member").SUFFIX
local uv = require "luv"
local wait = require "corosync.lab.wait"

local REST = 1 -- seconds without a change of its members after which a group has settled

local follower = {}

local Follower = {}
Follower.__index = Follower

function follower.files_in(folder)
  local paths = {}
  for name in uv.fs_scandir_next, assert(uv.fs_scandir(folder)) do
    paths[#paths + 1] = folder .. "/" .. name
  end
  return paths
end

local IS_OF_REPLICA = { ready = true, observing = true }

local on_word = {}

function on_word.group(history, rest)
  history.group = rest
end

function on_word.config(history, rest)
  local own, members, left = rest:match "^(%S+) (%S+) (%S+)"
  history.has_joined = true
  history.members = not ("," .. left):find("," .. own .. "=", 1, true) and members or nil
end

function on_word.ring(history, rest)
  history.ring = rest
end

function on_word.lost(history)
  history.members, history.ring = nil, nil
end

-- A suspended member keeps its state.
function on_word.ready(history)
  history.has_state = true
end

-- The state of an observer does not count.
function on_word.observing(history)
  history.is_observer = true
end

function on_word.activate(history)
  history.is_active = true
end

function on_word.deactivate(history)
  history.is_active, history.has_state = false, nil
end

-- Reads the new lines, and counts the changes of the group's members.
local function read_on(history)
  local file = assert(io.open(history.path))
  file:seek("set", history.position)
  local text = file:read("*a"):match "^.*\n" or ""
  file:close()
  history.position = history.position + #text
  for word, rest in text:gmatch "(%l+) ?([^\n]*)\n" do
    if on_word[word] then
      on_word[word](history, rest)
      history.changes = history.changes + (IS_OF_REPLICA[word] and 0 or 1)
    end
  end
end

-- Returns an array of the histories of a running script.
function Follower:_read_host(host)
  local all = {}
  for i, path in ipairs(follower.files_in(host.folder)) do
    all[i] = self.by_path[path] or { path = path, position = 0, changes = 0 }
    self.by_path[path] = all[i]
    read_on(all[i])
  end
  return all
end

-- Returns an array of the histories of all running scripts, and whether each script has been a member.
function Follower:_read()
  local all, have_joined = {}, true
  for _, host in self.hosts:each() do
    local has_joined = false
    for _, history in ipairs(self:_read_host(host)) do
      has_joined = has_joined or history.has_joined
      all[#all + 1] = history
    end
    have_joined = have_joined and has_joined
  end
  return all, have_joined
end

-- Whether in each group the active members, and only they, see each other on one ring.
function Follower:agree()
  local all, do_agree = self:_read()
  local counts, members, rings = {}, {}, {}
  for _, history in ipairs(all) do
    local group = history.group
    if history.is_active then
      counts[group] = (counts[group] or 0) + 1
      members[group] = members[group] or history.members
      rings[group] = rings[group] or history.ring
      do_agree = do_agree and history.members ~= nil and history.members == members[group]
        and history.ring == rings[group]
    end
  end
  for group, count in pairs(counts) do
    do_agree = do_agree and select(2, members[group]:gsub(":", "")) == count
  end
  return do_agree
end

-- Returns the number of changes by group, and the histories.
function Follower:_count_changes()
  local all, changes = self:_read(), {}
  for _, history in ipairs(all) do
    if history.group then
      changes[history.group] = (changes[history.group] or 0) + history.changes
    end
  end
  return changes, all
end

-- Marks the groups without a change for a while: where members join and leave, their views may differ.
function Follower:mark_settled()
  local before = self:_count_changes()
  wait.pass(REST)
  local after, all = self:_count_changes()
  for _, history in ipairs(all) do
    if history.group and before[history.group] == after[history.group] then
      local file = assert(io.open(history.path, "a"))
      file:write "settled\n"
      file:close()
    end
  end
end

-- Calls act(node, history) for each replica that a running script is a member of.
function Follower:_each_replica(act)
  for node, host in self.hosts:each() do
    for _, history in ipairs(self:_read_host(host)) do
      if history.is_active and history.group:sub(-#SUFFIX) == SUFFIX then
        act(node, history)
      end
    end
  end
end

-- Whether each member of a replica has had its state; observers need not.
function Follower:have_states()
  local all = true
  self:_each_replica(function(_, history) all = all and (history.has_state or history.is_observer) or false end)
  return all
end

-- Whether a majority of all nodes keeps the state of each replica if the script of this node is killed.
function Follower:can_lose(node)
  local keepers = {} -- their number, by replica
  self:_each_replica(function(other, history)
    local keeps = other ~= node and history.has_state
    keepers[history.group] = (keepers[history.group] or 0) + (keeps and 1 or 0)
  end)
  for _, count in pairs(keepers) do
    if 2 * count <= self.hosts.cluster.nodes then
      return false
    end
  end
  return true
end

function follower.new(hosts)
  return setmetatable({ hosts = hosts, by_path = {} }, Follower)
end

return follower
