-- The newest generations that processes of this node have held and promised, noted for all its processes until the node
-- restarts. Without a note, a process that was paused or disconnected could not learn that another one has held a
-- newer state, or has promised a later generation, if Corosync has restarted since: the events that it had not read,
-- and Corosync's map, are gone.
--
-- A note is the name of an empty file in /dev/shm. All processes that use a Corosync share its /dev/shm, also those in
-- containers, because libqb's connections are files there. When the node restarts the notes are gone, and so are the
-- processes that had older states. Creating an empty file needs no space, and no lock that a paused process might
-- hold.
--
-- All users can make files there. A note counts only if Corosync lets its owner connect, so that no other user can
-- keep a node's state from counting.
local cluster = require "corosync.cluster"
local core = require "corosync.binding"
local generation_number = require "corosync.replica.protocol.generation_number"

local FOLDER = "/dev/shm"
local OWNERS = { uid = { "uidgid.uid.", "uidgid.config.uid." }, gid = { "uidgid.gid.", "uidgid.config.gid." } }

local remove = os.remove

local notes = {}

-- Returns the prefix of the names of a replica's notes. Several Corosyncs may share a /dev/shm. `kind`: "held" or
-- "promised".
function notes.prefix(cluster_name, node, replica, kind)
  return ("lua-corosync.%.0f."):format(core.digest(0, cluster_name, tostring(node), replica, kind))
end

-- The same rules as in Corosync's main.c (cs_ipcs_connection_accept). If Corosync's map cannot be read, the note
-- counts, because ignoring a note can lose commands.
local function is_permitted(file)
  for field, keys in pairs(OWNERS) do
    for _, key in ipairs(keys) do
      local value, _, code = cluster.cmap_get(key .. ("%.0f"):format(file[field]))
      if value == 1 or value == nil and code ~= "not_exist" then
        return true
      end
    end
  end
  return false
end

-- Returns a function that says whether a file counts. A user can create very many files, so Corosync is asked only once
-- for each owner.
local function judge()
  local known = {}
  return function(file)
    if file.is_own or file.uid == 0 or file.gid == 0 then
      return true
    end
    local owner = ("%.0f.%.0f"):format(file.uid, file.gid)
    if known[owner] == nil then
      known[owner] = is_permitted(file)
    end
    return known[owner]
  end
end

local function generation_of(file, prefix)
  return generation_number.parse(file.name:sub(#prefix + 1):match "^(%d+%.%d+%.%d+%.%d+s?)%.")
end

-- Returns a list of the notes that count, each with `file` and `generation`, and the newest generation, if any; or nil,
-- message.
local function read(prefix)
  local files, message = core.list_files(FOLDER, prefix)
  if not files then
    return nil, message
  end
  local all, newest, counts = {}, nil, judge()
  for _, file in ipairs(files) do
    local generation = counts(file) and generation_of(file, prefix)
    if generation then
      all[#all + 1] = { file = file, generation = generation }
      if not newest or generation_number.compare(generation, newest) > 0 then
        newest = generation
      end
    end
  end
  return all, newest
end

-- Returns the newest generation that was noted, as a text; false if there is none; or nil, message. While a process
-- replaces its note, a listing of the folder may show neither the old note nor the new one, so the folder is read until
-- two results are equal.
function notes.newest(prefix)
  local before, text
  repeat
    before = text
    local all, newest = read(prefix)
    if not all then
      return nil, newest
    end
    text = newest and generation_number.text(newest) or false
  until text == before
  return text
end

local function remove_older(prefix, generation)
  for _, each in ipairs(read(prefix) or {}) do
    if generation_number.compare(each.generation, generation) < 0 then
      remove(FOLDER .. "/" .. each.file.name) -- fails for another user's file, which that user's next note removes
    end
  end
end

-- Notes a generation, unless it or a newer one is noted. `own`: a word that no other process has. Returns true, or nil,
-- message.
function notes.keep(prefix, text, own)
  local generation = generation_number.parse(text)
  local newest, message = notes.newest(prefix)
  if newest == nil then
    return nil, message
  elseif newest and generation_number.compare(generation_number.parse(newest), generation) >= 0 then
    return true
  end
  local ok
  ok, message = core.create_file(("%s/%s%s.%s"):format(FOLDER, prefix, text, own))
  if not ok then
    return nil, message
  end
  remove_older(prefix, generation)
  return true
end

return notes
