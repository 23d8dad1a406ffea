-- A connection to an SQLite file through LuaSQL, with its failures as nil, message, code.
local errors = require "corosync.errors"

local connection = {}

local Connection = {}
Connection.__index = Connection

-- The file is left unchanged, so the operator must act.
local REMEDY = "move the file away, with its -wal file: this member then gets the state from the other members"

-- Codes and causes by patterns of SQLite's message, which is all that LuaSQL passes on. The first match counts.
local CAUSES = {
  { "database or disk is full", "no_space", "the disk is full" },
  { "attempt to write a readonly database", "read_only", "the file is read-only, or its file system is" },
  { "database is locked", "in_use",
    "the file is in use, by another process or another replica of this one: "
      .. "only one process of a node can use it, and the others must be observers" },
  { "file is not a database", "damaged", "the file is damaged: it is not an SQLite database; " .. REMEDY },
  { "malformed", "damaged", "the file is damaged: SQLite calls it malformed; " .. REMEDY },
  { "no such table", "damaged", "the file is damaged: it lacks a table; " .. REMEDY },
  { "no such column", "damaged", "the file is damaged: a table lacks a column; " .. REMEDY },
  { "disk I/O error", "io_error", "the disk failed to read or write (see the kernel's log)" },
  { "out of memory", "no_memory", "memory is exhausted" },
}

-- Codes and causes by Linux's error number (errno) of opening a file.
local OPENING = {
  [1] = { "access", "the system forbids writing to it (see lsattr)" }, -- EPERM
  [2] = { "no_folder", "its folder does not exist" }, -- ENOENT
  [13] = { "access", "this user may not write to it or create it" }, -- EACCES
  [20] = { "no_folder", "a part of its path is not a folder" }, -- ENOTDIR
  [21] = { "not_a_file", "it is a folder, not a file" }, -- EISDIR
  [23] = { "no_descriptor", "the machine has too many files open" }, -- ENFILE
  [24] = { "no_descriptor", "this process has too many files open" }, -- EMFILE
  [28] = { "no_space", "the disk is full" }, -- ENOSPC
  [30] = { "read_only", "its file system is read-only" }, -- EROFS
}

local function cause(text)
  for _, each in ipairs(CAUSES) do
    if text:find(each[1], 1, true) then
      return each[3], each[2]
    end
  end
  return text, "failed"
end

-- Returns why the file cannot be opened for writing, or nil if it can. To be called only while the file is not open in
-- this process, because closing a file drops all locks that the process has on it.
local function why_not_opened(path)
  local file, problem, number = io.open(path, "r+") -- unlike "a", this does not wait for the reader of a pipe
  if number == 2 then -- ENOENT
    file, problem, number = io.open(path, "a")
  end
  if file then
    file:close()
    return nil
  end
  local reason = OPENING[number] or { "failed", problem:sub(#path + 3) }
  return reason[2], reason[1]
end

local function failure(path, problem)
  local why, code = cause((problem:gsub("^LuaSQL: ", "")))
  return nil, ("storage %s: %s"):format(errors.quote(path), why), code
end

-- SQLite's few messages do not tell these reasons apart, so the file is opened once more to learn the cause.
local function opening_failure(path, problem)
  if not problem:find "unable to open" and not problem:find "readonly" and not problem:find "disk I/O error" then
    return failure(path, problem)
  end
  local why, code = why_not_opened(path)
  if why then
    return nil, ("storage %s: %s"):format(errors.quote(path), why), code
  elseif problem:find "disk I/O error" then
    return failure(path, problem)
  end
  return nil, ("storage %s: SQLite cannot create its files next to it: this user must be able to write to the folder")
    :format(errors.quote(path)), "access"
end

-- Returns nil, message, "damaged".
function connection.damaged(path, why)
  return nil, ("storage %s: the file is damaged: %s; %s"):format(errors.quote(path), why, REMEDY), "damaged"
end

-- Returns nil, message, "closed".
function connection.closed(path)
  return nil, ("storage %s is closed"):format(errors.quote(path)), "closed"
end

local function load_driver(path)
  local ok, driver = pcall(require, "luasql.sqlite3")
  if ok then
    return driver
  end
  local text = tostring(driver)
  local why = text:find("module 'luasql.sqlite3' not found", 1, true) and "LuaSQL is not installed" or text
  return nil, ("storage %s: it needs LuaSQL for SQLite (Debian: lua-sql-sqlite3; rock: luasql-sqlite3): %s"):format(
    errors.quote(path), why), "not_installed"
end

function connection.open(path)
  if path:find(":memory:", 1, true) then
    return nil, ("storage %s: LuaSQL keeps files with ':memory:' in their path in memory only: choose another path")
      :format(errors.quote(path)), "not_a_file"
  end
  local driver, message, code = load_driver(path)
  if not driver then
    return nil, message, code
  end
  local environment = driver.sqlite3()
  -- SQLite gives a meaning to names such as "file:x?mode=memory", but not after "./".
  local handle, problem = environment:connect(path:find "^/" and path or "./" .. path)
  if not handle then
    environment:close()
    return opening_failure(path, problem)
  end
  return setmetatable({ path = path, environment = environment, handle = handle, cursors = {} }, Connection)
end

-- Runs a statement without result rows.
function Connection:execute(statement)
  local done, problem = self.handle:execute(statement)
  if not done then
    return failure(self.path, problem)
  end
  return true
end

function Connection:execute_all(statements)
  for _, statement in ipairs(statements) do
    local done, message, code = self:execute(statement)
    if not done then
      return nil, message, code
    end
  end
  return true
end

-- Returns a function for the next row's values: it returns nothing after the last row.
function Connection:rows(statement)
  local cursor, problem = self.handle:execute(statement)
  if not cursor then
    return failure(self.path, problem)
  end
  self.cursors[cursor] = true
  local function pass(first, ...)
    if first ~= nil then
      return first, ...
    end
    -- LuaSQL has closed the cursor.
    self.cursors[cursor], cursor = nil, nil
    if ... then
      return failure(self.path, (...))
    end
  end
  return function()
    if cursor and self.cursors[cursor] then
      return pass(cursor:fetch())
    end
  end
end

-- Returns the first row of a statement that has one, as an array of its values.
function Connection:first(statement)
  local cursor, problem = self.handle:execute(statement)
  if not cursor then
    return failure(self.path, problem)
  end
  local row, why = cursor:fetch({}, "n")
  cursor:close()
  if row then
    return row
  elseif why then
    return failure(self.path, why)
  end
  return connection.damaged(self.path, "a row of a table is missing")
end

-- Locks the file and begins a transaction. The lock stays until the connection is closed.
function Connection:lock()
  local row, message, code = self:first "PRAGMA locking_mode = EXCLUSIVE"
  if not row then
    return nil, message, code
  end
  local done, problem = self.handle:execute "BEGIN EXCLUSIVE"
  if not done then
    return opening_failure(self.path, problem)
  end
  return true
end

-- Runs `action` in a transaction, which counts only if it returns true.
function Connection:transaction(action)
  local done, message, code = self:execute "BEGIN IMMEDIATE"
  if done then
    done, message, code = action()
  end
  if done then
    done, message, code = self:execute "COMMIT"
  end
  if not done then
    self.handle:execute "ROLLBACK" -- fails if SQLite has already rolled back
    return nil, message, code
  end
  return true
end

function Connection:close()
  for cursor in pairs(self.cursors) do
    cursor:close()
  end
  self.cursors = {}
  self.handle:close()
  self.environment:close()
end

return connection
