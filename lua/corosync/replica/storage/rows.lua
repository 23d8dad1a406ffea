-- Stores blobs in the rows of a table, which are numbered without gaps. Each blob has a *place*: the index of an entry,
-- or 0 for a chunk. A large blob is divided into pieces of a row each, so that it needs little additional memory.
local connection = require "corosync.replica.storage.connection"
local core = require "corosync.binding"

local rows = {}

local PIECE = 256 * 1024 -- bytes

local ROW = 32 -- bytes that a row takes beside its blob

-- Returns a blob as a hexadecimal SQL literal: LuaSQL cannot bind values to a statement, and statements end at a zero
-- byte.
function rows.literal(blob)
  return "x'" .. core.hex(blob) .. "'"
end

function rows.create(conn, name)
  return conn:execute(("CREATE TABLE %s (number INTEGER PRIMARY KEY, place INTEGER NOT NULL, more INTEGER NOT NULL,"
    .. " digest INTEGER NOT NULL, data BLOB NOT NULL)"):format(name))
end

local function row_digest(number, place, more, data)
  return core.digest(number, ("%d %d"):format(place, more), data)
end

-- Adds a blob after the row `last`, and returns the new last row. Rows that an abandoned base has left there are
-- overwritten.
function rows.insert(conn, name, last, place, blob)
  local from = 1
  repeat
    local data = blob:sub(from, from + PIECE - 1)
    from = from + PIECE
    local more = from <= #blob and 1 or 0
    last = last + 1
    local done, message, code = conn:execute(("INSERT OR REPLACE INTO %s VALUES (%d, %d, %d, %d, %s)"):format(name,
      last, place, more, row_digest(last, place, more, data), rows.literal(data)))
    if not done then
      return nil, message, code
    end
  until more == 0
  return last
end

local function is_whole(number)
  return type(number) == "number" and number % 1 == 0
end

-- Whether a row's columns are as they were written. A flipped bit may change their types.
local function is_intact(number, place, more, stored, data)
  return is_whole(place) and is_whole(more) and type(data) == "string"
    and row_digest(number, place, more, data) == stored
end

-- Returns a function for the pieces of a range of rows: it returns a piece, its blob's place, and 1 if the blob has
-- more pieces.
local function pieces_of(conn, name, first, last)
  local fetch, message, code = conn:rows(
    ("SELECT number, place, more, digest, data FROM %s WHERE number BETWEEN %d AND %d ORDER BY number"):format(name,
      first, last))
  local expected = first
  return fetch and function()
    if expected > last then
      fetch() -- reads the end, which closes the cursor: an open one would keep the -wal file growing
      return
    end
    local number, place, more, stored, data = fetch()
    if number == nil and place then
      return nil, place, more
    elseif number ~= expected then
      return connection.damaged(conn.path, ("row %d of %s is missing"):format(expected, name))
    elseif not is_intact(number, place, more, stored, data) then
      return connection.damaged(conn.path, ("row %d of %s is not as it was written"):format(number, name))
    end
    expected = expected + 1
    return data, place, more
  end, message, code
end

-- Returns a function that returns the next place of a range of rows and its blob; nothing after the last, and nil,
-- message, code if it fails.
function rows.reader(conn, name, first, last)
  local next_piece, message, code = pieces_of(conn, name, first, last)
  return next_piece and function()
    local pieces = {}
    repeat
      local data, place, more = next_piece()
      if not data then
        return nil, place, more
      end
      pieces[#pieces + 1] = data
      if more == 0 then
        return place, table.concat(pieces)
      end
    until false
  end, message, code
end

-- Returns the number of the first row whose place is greater than `place`; `last` + 1 if there is none. The places of
-- entries grow with the numbers of their rows.
function rows.find_beyond(conn, name, first, last, place)
  local low, high = first, last + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local found, message, code = conn:first(("SELECT place FROM %s WHERE number = %d"):format(name, middle))
    if not found then
      return nil, message, code
    elseif found[1] > place then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Returns roughly how many bytes a blob takes in the file.
function rows.size(blob)
  return #blob + ROW
end

-- Returns the number of the first row after those that take up to `bytes`, from `first` on; at least `first` + 1.
local function find_end(conn, name, first, last, bytes)
  local next_length, message, code = conn:rows(
    ("SELECT length(data) FROM %s WHERE number BETWEEN %d AND %d ORDER BY number LIMIT %d"):format(name, first, last,
      math.ceil(bytes / ROW)))
  if not next_length then
    return nil, message, code
  end
  local beyond = first
  local length
  repeat
    length, message, code = next_length()
    if length and (bytes > 0 or beyond == first) then
      beyond, bytes = beyond + 1, bytes - length - ROW
    end
  until not length
  return not message and beyond or nil, message, code
end

-- Deletes some of the rows from `first` to `last`: twice as many bytes as were written meanwhile, so that all are
-- deleted in the end, and no call takes long. Returns the first row that is left.
function rows.sweep(conn, name, first, last, written)
  if first > last or written == 0 then
    return first
  end
  local beyond, message, code = find_end(conn, name, first, last, 2 * written)
  local done
  if beyond then
    done, message, code = conn:execute(("DELETE FROM %s WHERE number BETWEEN %d AND %d"):format(name, first,
      beyond - 1))
  end
  return done and beyond or nil, message, code
end

-- Returns the number of the last row; `first` - 1 if there is none from `first` on.
function rows.last(conn, name, first)
  local row, message, code = conn:first(
    ("SELECT max(ifnull(max(number), 0), %d) FROM %s"):format(first - 1, name))
  return row and row[1], message, code
end

-- Deletes all rows except those from `first` to `last`.
function rows.keep(conn, name, first, last)
  return conn:execute_all {
    ("DELETE FROM %s WHERE number < %d"):format(name, first),
    ("DELETE FROM %s WHERE number > %d"):format(name, last),
  }
end

return rows
