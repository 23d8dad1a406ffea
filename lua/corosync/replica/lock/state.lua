-- The locks' state, which only commands change:
--   all.lock[name] = { holder = session, token = index of the grant, since = wall-clock second,
--                      waiters = { session, … } }
-- A free lock has no entry. A session is a process: "node:pid#incarnation".
-- A command is { "lock", operation, session, wall-clock second, name, token or index }.
local state = {}

-- Returns the address of a session's process, as text.
function state.address_of(session)
  return session:match "^[^#]+"
end

function state.initial()
  return {}
end

local function position_of(list, item)
  for i, each in ipairs(list) do
    if each == item then
      return i
    end
  end
end

local function grant_to_next(locks, name, time, at)
  local lock = locks[name]
  lock.holder, lock.token, lock.since = table.remove(lock.waiters, 1), at, time
  if not lock.holder then
    locks[name] = nil
  end
end

local function remove(locks, name, session, time, at)
  local lock = locks[name]
  local waits = position_of(lock.waiters, session)
  if waits then
    table.remove(lock.waiters, waits)
  elseif lock.holder == session then
    grant_to_next(locks, name, time, at)
  end
end

local operations = {}

function operations.acquire(locks, session, time, at, name)
  local lock = locks[name]
  if not lock then
    locks[name] = { holder = session, token = at, since = time, waiters = {} }
  elseif lock.holder ~= session and not position_of(lock.waiters, session) then
    table.insert(lock.waiters, session)
  end
end

-- The token names the grant that ends, because a late command must not end the next grant.
function operations.release(locks, session, time, at, name, token)
  local lock = locks[name]
  if lock and lock.holder == session and lock.token == token then
    grant_to_next(locks, name, time, at)
  end
end

function operations.withdraw(locks, session, time, at, name)
  if locks[name] then
    remove(locks, name, session, time, at)
  end
end

-- At the index `seen` the session had ended or left, or the others had gone on without it. If it has come back and got
-- a lock since then, it keeps that lock.
function operations.gone(locks, session, time, at, _, seen)
  for name, lock in pairs(locks) do
    if lock.holder ~= session or lock.token <= seen then
      remove(locks, name, session, time, at)
    end
  end
end

function state.apply(all, command, at)
  local _, operation, session, time, name, token = (table.unpack or unpack)(command, 1, 6) -- luacheck: ignore 113
  operations[operation](all.lock, session, time, at, name, token)
  return true
end

-- Returns the token if the session holds the lock, else nil and whether it waits for the lock.
function state.place(all, name, session)
  local lock = all.lock[name]
  if lock and lock.holder == session then
    return lock.token
  end
  return nil, lock ~= nil and position_of(lock.waiters, session) ~= nil
end

-- Calls `f(session)` for each session that holds a lock or waits for one.
function state.each_session(all, f)
  for _, lock in pairs(all.lock) do
    f(lock.holder)
    for _, waiter in ipairs(lock.waiters) do
      f(waiter)
    end
  end
end

return state
