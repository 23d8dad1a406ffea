-- The tables of a storage file that say whose it is, and which rows count.
local connection = require "corosync.replica.storage.connection"
local core = require "corosync.binding"
local errors = require "corosync.errors"
local rows = require "corosync.replica.storage.rows"

local file = {}

local APPLICATION = 0x636f726f -- "coro" in the file's header, where file(1) and others look
local FORMAT = 3

local function describe(owner)
  return ("replica %s on node %s of cluster %s"):format(errors.quote(tostring(owner.replica)), tostring(owner.node),
    errors.quote(tostring(owner.cluster)))
end

local function foreign(path, why)
  return nil, ("storage %s: the file %s: give this member a storage of its own, or move the file away"):format(
    errors.quote(path), why), "foreign"
end

local function state_digest(state)
  return core.digest(state.meta and 1 or 0, state.meta or "", ("%d %d %d"):format(state.first_entry,
    state.first_chunk, state.last_chunk))
end

-- Writes which rows count, and the meta blob. All entries from the first one on count, so that appending an entry
-- changes no other row, and writes no other page.
function file.write_state(conn, state)
  return conn:execute(("INSERT OR REPLACE INTO state VALUES (1, %d, %d, %d, %d, %s)"):format(state_digest(state),
    state.first_entry, state.first_chunk, state.last_chunk, state.meta and rows.literal(state.meta) or "NULL"))
end

-- The numbers of the rows that count. If the last is less than the first, no row counts.
local EMPTY = { first_entry = 1, first_chunk = 1, last_chunk = 0 }

local function create(conn, owner)
  local done, message, code = conn:execute_all {
    ("PRAGMA application_id = %d"):format(APPLICATION),
    ("PRAGMA user_version = %d"):format(FORMAT),
    "CREATE TABLE owner (replica BLOB NOT NULL, node INTEGER NOT NULL, cluster BLOB NOT NULL)",
    ("INSERT INTO owner VALUES (%s, %d, %s)"):format(rows.literal(owner.replica), owner.node,
      rows.literal(owner.cluster)),
    "CREATE TABLE state (id INTEGER PRIMARY KEY, digest INTEGER NOT NULL, first_entry INTEGER NOT NULL,"
      .. " first_chunk INTEGER NOT NULL, last_chunk INTEGER NOT NULL, meta BLOB)",
  }
  if done then
    done, message, code = rows.create(conn, "entries")
  end
  if done then
    done, message, code = rows.create(conn, "chunks")
  end
  if done then
    done, message, code = file.write_state(conn, EMPTY)
  end
  return done, message, code
end

local function check_owner(conn, owner)
  local row, message, code = conn:first "SELECT replica, node, cluster FROM owner"
  if not row then
    return nil, message, code
  end
  local found = { replica = row[1], node = row[2], cluster = row[3] }
  if found.replica ~= owner.replica or found.node ~= owner.node or found.cluster ~= owner.cluster then
    return foreign(conn.path, ("belongs to %s, not to %s"):format(describe(found), describe(owner)))
  end
  return true
end

-- Creates the tables if the file is new, else checks that the file belongs to `owner`.
function file.claim(conn, owner)
  local row, message, code = conn:first
    "SELECT count(*), application_id, user_version FROM sqlite_master, pragma_application_id, pragma_user_version"
  if not row then
    return nil, message, code
  end
  local tables, application, format = row[1], row[2], row[3]
  if tables == 0 then
    return create(conn, owner)
  elseif application ~= APPLICATION then
    return foreign(conn.path, "is an SQLite database of another program")
  elseif format ~= FORMAT then
    return foreign(conn.path, ("has format %s, of another version of lua-corosync; this version has format %d"):format(
      tostring(format), FORMAT))
  end
  return check_owner(conn, owner)
end

function file.read_state(conn)
  local row, message, code = conn:first
    "SELECT digest, first_entry, first_chunk, last_chunk, meta FROM state"
  if not row then
    return nil, message, code
  end
  local state = { first_entry = row[2], first_chunk = row[3], last_chunk = row[4], meta = row[5] }
  local ok, hash = pcall(state_digest, state) -- a flipped bit may change a column's type
  if not ok or hash ~= row[1] then
    return connection.damaged(conn.path, "the table state is not as it was written")
  end
  state.last_entry, message, code = rows.last(conn, "entries", state.first_entry)
  return state.last_entry and state, message, code
end

-- Reads all rows of a range. Returns true and the last one's place, or nil, message, code.
local function check_rows(conn, name, first, last)
  local read, message, code = rows.reader(conn, name, first, last)
  if not read then
    return nil, message, code
  end
  local place, blob, last_place
  repeat
    last_place = place
    place, blob, code = read()
  until not place
  if blob then
    return nil, blob, code
  end
  return true, last_place
end

-- Reads and checks everything once. Returns the state, with the index of the last entry.
function file.check(conn)
  local row, message, code = conn:first "PRAGMA quick_check(1)"
  if not row then
    return nil, message, code
  elseif row[1] ~= "ok" then
    return connection.damaged(conn.path, "SQLite's check fails: " .. row[1]:gsub("^.*\n", ""))
  end
  local state, done
  state, message, code = file.read_state(conn)
  if not state then
    return nil, message, code
  end
  done, message, code = check_rows(conn, "chunks", state.first_chunk, state.last_chunk)
  if not done then
    return nil, message, code
  end
  local last_index
  done, last_index, code = check_rows(conn, "entries", state.first_entry, state.last_entry)
  if not done then
    return nil, last_index, code
  end
  state.last_index = last_index
  return state
end

return file
