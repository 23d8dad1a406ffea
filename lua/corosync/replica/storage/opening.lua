-- Prepares a file for its store: locks it, checks all of it, and removes rows that no longer count.
local file = require "corosync.replica.storage.file"
local rows = require "corosync.replica.storage.rows"

local opening = {}

local LOG_SIZE = 1000 * 4096 -- bytes: when the -wal file has these many pages, SQLite begins it anew (its default)

-- Locks the file, and changes it only if it is new.
local function claim(conn, owner)
  local done, message, code = conn:lock()
  if done then
    done, message, code = file.claim(conn, owner)
  end
  if done then
    done, message, code = conn:execute "COMMIT"
  end
  return done, message, code
end

-- Deletes rows that no longer count: of an old base, of a base that was not finished, and entries that a base has
-- replaced.
local function clean(conn, state)
  return conn:transaction(function()
    local done, message, code = rows.keep(conn, "entries", state.first_entry, state.last_entry)
    if done then
      done, message, code = rows.keep(conn, "chunks", state.first_chunk, state.last_chunk)
    end
    return done, message, code
  end)
end

-- Syncing a file that grows takes about twice as long, so the -wal file gets its usual size now. A small cache makes
-- SQLite write pages before the commit, and a rollback leaves the file large. If the disk has no room for it, this is
-- reported when a commit needs the room.
local function enlarge_log(conn)
  conn:execute_all {
    "PRAGMA cache_size = 16",
    "BEGIN",
    ("INSERT INTO chunks VALUES (0, 0, 0, 0, zeroblob(%d))"):format(LOG_SIZE),
  }
  conn.handle:execute "ROLLBACK" -- fails if SQLite has already rolled back
  conn:execute "PRAGMA cache_size = -2000" -- SQLite's default
end

-- Returns the state that is on disk; or nil, message, code.
function opening.prepare(conn, owner)
  local done, message, code = claim(conn, owner)
  local state
  if done then
    state, message, code = file.check(conn)
  end
  if not state then
    return nil, message, code
  end
  done, message, code = conn:first "PRAGMA journal_mode = WAL"
  if done then
    done, message, code = conn:first "PRAGMA journal_size_limit = 8388608"
  end
  if done then
    done, message, code = conn:execute "PRAGMA synchronous = FULL"
  end
  if done then
    done, message, code = clean(conn, state)
  end
  if done then
    enlarge_log(conn)
  end
  return done and state, message, code
end

return opening
