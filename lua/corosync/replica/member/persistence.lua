-- What outlives the process: a member's storage, if it has any, and the notes of its node. A member that cannot write
-- these leaves the group until it can.
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local generation_number = require "corosync.replica.protocol.generation_number"
local keeper = require "corosync.replica.member.keeper"
local membership = require "corosync.replica.member.membership"
local node_count = require "corosync.replica.protocol.node_count"
local notes = require "corosync.replica.member.notes"
local parts = require "corosync.replica.parts"
local protocol = require "corosync.replica.protocol"

local persistence = {}

local now = core.now

-- Returns an empty text if the cluster has no name.
local function name_of_cluster()
  local name, message, code = cluster.cmap_get "totem.cluster_name"
  return name or code == "not_exist" and "" or nil, message, code
end

-- Opens the storage, and reads it. Returns true, or nil, message, code.
function persistence.open_storage(self, path)
  local own, message, code = self.group:address()
  local cluster_name
  if own then
    cluster_name, message, code = name_of_cluster()
  end
  if cluster_name then
    self.keeper, message, code = keeper.open(path, { replica = self.name, node = own.node, cluster = cluster_name },
      function(problem) self:report_unsendable(problem) end)
  end
  if not self.keeper then
    return nil, message, code
  end
  self.stored, message, code = self.keeper:load(self.machines)
  if not self.stored and message then
    self.keeper:close()
    return nil, message, code
  end
  return true
end

-- ---- notes ----

-- Returns the key of a replica's note in Corosync's map. Keys have at most 255 bytes, of few characters.
function persistence.note_key(name)
  local plain = name:gsub("[^%w]", function(c) return ("_%02x"):format(c:byte()) end)
  return "lua_corosync.replica." .. (#plain <= 200 and plain or ("%.0f"):format(core.digest(0, name)))
end

-- Returns the prefix of the file names of the replica's notes of a kind, or nil, message.
local function note_prefix(self, kind)
  if not self.note_prefixes[kind] then
    local name, message = name_of_cluster()
    if not name then
      return nil, message
    end
    self.note_prefixes[kind] = notes.prefix(name, node_count.node_of(self.address), self.name, kind)
  end
  return self.note_prefixes[kind]
end

-- Returns the newest generation of a kind that is noted in files, false if there is none; or nil, message.
local function newest_note(self, kind)
  local prefix, message = note_prefix(self, kind)
  if not prefix then
    return nil, message
  end
  return notes.newest(prefix)
end

-- Returns the later of two notes, nil for none. The one in Corosync's map remains when the file is deleted, the file
-- when Corosync restarts.
local function later(one, other)
  local a, b = generation_number.parse(one), generation_number.parse(other)
  return a and not (b and generation_number.compare(b, a) > 0) and one or b and other or nil
end

-- Returns the newest generations that the node's notes say it has held (`noted`) and promised (`promised`), nil for
-- none; or nil, message.
function persistence.read_notes(self)
  local in_map, message, code = cluster.cmap_get(self.note_key)
  if not in_map and code ~= "not_exist" then
    return nil, message
  end
  local in_files, promised
  in_files, message = newest_note(self, "held")
  if in_files ~= nil then
    promised, message = newest_note(self, "promised")
  end
  if promised == nil then
    return nil, message
  end
  return { noted = later(in_map, in_files), promised = promised or nil }
end

local function keep_note(self, kind, text)
  local ok, problem = note_prefix(self, kind)
  if ok then
    ok, problem = notes.keep(ok, text, self.protocol.incarnation)
  end
  self.unkept_note = not ok and { kind = kind, text = text } or nil
  return ok, problem
end

-- ---- outages ----

local STORAGE = { wanted = "its storage works again", regained = "the storage of replica %s works again" }
local NOTE = { wanted = "it can write its note", regained = "replica %s can write its note again" }

-- A disk may have room for a test, but not for the state that the member then gets. So a member that fails again soon
-- after its return waits before the next one, each time twice as long.
local STEADY = 60 -- seconds
local LONGEST_WAIT = 30 -- seconds

local function wait_before_return(self)
  local is_soon = self.returned ~= nil and now() < self.returned + STEADY
  self.return_wait = is_soon and math.min(math.max(2 * self.return_wait, 1), LONGEST_WAIT) or 0
  self.returns_at = now() + self.return_wait
end

-- Storage or a note has failed, so the member leaves its group until it works again. The others go on without it.
local function begin_outage(self, outage, problem)
  if not self.storage_problem then
    wait_before_return(self)
    self.storage_problem, self.outage = problem, outage
    self:report(("replica %s leaves its group until %s: %s"):format(errors.quote(self.name), outage.wanted, problem))
    parts.left(self, "storage")
    membership.leave(self)
  end
end

local function is_working(self)
  local unkept = self.unkept_note
  local ok = not unkept or keep_note(self, unkept.kind, unkept.text)
  if ok and self.keeper then
    ok = self.keeper:commit()
  end
  if ok and persistence.is_writing(self) then
    ok = self.keeper:work(self.protocol, self.machines) ~= nil
  end
  return ok
end

-- Called while storage or a note fails.
function persistence.try_again(self)
  if self.record.state == "joined" then
    return membership.leave(self)
  elseif self.record.state == "idle" and now() >= self.returns_at and is_working(self) and membership.join(self) then
    self.storage_problem, self.returned = nil, now()
    self:report(self.outage.regained:format(errors.quote(self.name)))
  end
end

-- ---- writing ----

-- Whether effects must wait for a base.
function persistence.is_writing(self)
  return self.keeper ~= nil and self.keeper:is_writing()
end

local function needs_commit(effect)
  return effect[1] == "sync" or effect[1] == "send" and protocol.stored_before[effect[2].kind]
end

-- Whether a member with storage may do an effect now. Before a message that others rely on is sent, everything that it
-- says must be on disk.
function persistence.allows(self, effect)
  if self.keeper:is_writing() then
    return false
  elseif not needs_commit(effect) then
    return true
  end
  local ok, problem = self.keeper:commit()
  if not ok then
    begin_outage(self, STORAGE, problem)
  end
  return ok
end

-- Writes a note. Later messages may confirm commands, so they must wait until it is written. Returns whether it is.
function persistence.note(self, kind, text)
  local ok, problem = keep_note(self, kind, text)
  if not ok then
    begin_outage(self, NOTE, problem)
    return false
  elseif kind == "held" then
    -- Another process of the node may be ahead of this one.
    ok, problem = cluster.cmap_set(self.note_key, later((cluster.cmap_get(self.note_key)), text))
    if not ok then
      self:report(problem)
    end
  end
  return true
end

-- Writes the next part of a base. Returns whether there is more to do; or nil if storage has failed.
function persistence.work(self)
  local more, problem = self.keeper:work(self.protocol, self.machines)
  if more == nil then
    begin_outage(self, STORAGE, problem)
  elseif more and self.keeper:is_writing() then
    self.protocol:progress(now())
  end
  return more
end

return persistence
