-- A store that checks tokens accepts no old holder of a lock. This is `make soak-locks`.
--
--   locks.lua INTERPRETER [ROUNDS] [SEED]
--
-- Members on three nodes take turns with a lock, and write to the store, which is this program. In each round the
-- holder or its Corosync, or another node's, is cut off, paused or killed. It is an error if
-- - two processes get the same token, or a later holder a smaller one
-- - a holder that was not paused hears of its loss only after another member has got the lock
-- - the store accepts a write of a holder after one of its successor
-- - nobody gets the lock
local lab = require "corosync.lab"
local uv = require "luv"

local interpreter, rounds, seed = arg[1], tonumber(arg[2] or 1000), tonumber(arg[3] or os.time())
local DEADLINE = 60

math.randomseed(seed)
print(("%d rounds with seed %d"):format(rounds, seed))

local cluster = assert(lab.start { nodes = 3, token = 500 })
local programs = {}
local current = "start"

-- ---- the store and the grants ----

local greatest = 0 -- token that the store has seen
local counts = { accepted = 0, refused = 0, grants = 0, lost = 0 }
local grants = {} -- by token: process, at (when the holder learned of it), ended (when it was over on its side)
local newest -- the grant with the greatest token
local smallest_margin = math.huge -- seconds between the end on one side and the next grant
local problems = {}

local function problem(...)
  problems[#problems + 1] = (...):format(select(2, ...))
  print("PROBLEM: " .. problems[#problems])
end

-- Lines of several processes come in any order, so a grant is checked once it and its predecessor are complete.
local function judge(grant)
  local before = grant.before
  if before and before.ended and not before.was_stopped then
    if before.was_lost then
      smallest_margin = math.min(smallest_margin, grant.at - before.ended)
    end
    if before.ended > grant.at then
      problem("%s: the holder of token %.0f on node %d was told %.6f s after token %.0f was granted (%s)", current,
        before.token, before.process.node, before.ended - grant.at, grant.token, before.was_lost or "released")
    end
  end
end

local takes = {}

function takes.held(process, token, at)
  counts.grants = counts.grants + 1
  if grants[token] then
    problem("token %.0f was granted twice", token)
  elseif newest and token < newest.token and at > newest.at then
    problem("token %.0f was granted after token %.0f", token, newest.token)
  end
  grants[token] = { token = token, process = process, at = at, before = newest }
  if newest then
    newest.after = grants[token]
  end
  newest = grants[token]
  judge(newest)
end

-- A process cannot be told while it is paused.
local function ended(token, at, was_lost)
  local grant = grants[token]
  local process = grant.process
  grant.ended, grant.was_lost = at, was_lost
  grant.was_stopped = process.stopped and process.stopped <= at and (process.continued or at) >= grant.at
  if grant.after then
    judge(grant.after)
  end
end

function takes.lost(_, token, at, reason)
  counts.lost = counts.lost + 1
  ended(token, at, reason)
end

function takes.released(_, token, at)
  ended(token, at)
end

function takes.write(process, token)
  if token < greatest then
    counts.refused = counts.refused + 1
    return
  end
  greatest = token
  counts.accepted = counts.accepted + 1
  if grants[token].process ~= process then
    problem("a process wrote with the token %.0f of another one", token)
  elseif grants[token].after and grants[token].after.has_written then
    problem("the store has accepted token %.0f after token %.0f", token, grants[token].after.token)
  end
  grants[token].has_written = true
end

function takes.full(process, count)
  process.full = count
end

local function start(node)
  local process = { node = node }
  programs[node] = assert(cluster:run(node, { interpreter, "soak/locks_member.lua" }, {
    host = true,
    output = function(line, stream)
      local what, token, at, reason = line:match "^(%l+) (%d+) (%S+) ?(%S*)"
      if stream == "out" and what then
        takes[what](process, tonumber(token), tonumber(at), reason)
      elseif stream == "out" then
        process.status = line
      end
    end,
  }))
  programs[node].process = process
end

-- ---- faults ----

local function await(condition, what)
  local ok, message = cluster:wait_for(condition, DEADLINE, what)
  if ok then
    return
  end
  for node = 1, 3 do
    if not programs[node].exited then
      programs[node]:kill "sigusr1"
    end
  end
  local function is_told()
    for node = 1, 3 do
      local program = programs[node]
      if not program.exited and not program.process.status then return false end
    end
    return true
  end
  cluster:wait_for(is_told, 5)
  for node = 1, 3 do
    print(node, programs[node].process.status, table.concat(programs[node].errors, "\n"))
  end
  error(("%s (%s)"):format(message, current))
end

-- A process on one of these nodes, or on any, that holds the lock with a later token.
local function await_grant(after, nodes)
  await(function()
    return newest and newest.token > after and (not nodes or nodes[newest.process.node])
  end, "another holder")
end

local function others(node)
  local nodes = {}
  for other = 1, 3 do
    nodes[other] = other ~= node or nil
  end
  return nodes
end

local function await_full()
  await(function()
    for node = 1, 3 do
      if programs[node].process.full ~= 3 then return false end
    end
    return true
  end, "three full members")
end

local faults = {}

function faults.cut(node)
  assert(cluster:partition({ node }))
  await_grant(newest.token, others(node))
  assert(cluster:heal())
end

function faults.stop(node)
  local process = programs[node].process
  process.stopped, process.continued = uv.hrtime() / 1e9, nil
  programs[node]:kill "sigstop"
  await_grant(newest.token, others(node))
  process.continued = uv.hrtime() / 1e9
  programs[node]:kill "sigcont"
end

function faults.kill(node)
  assert(cluster:kill_host(node))
  await_grant(newest.token)
  start(node)
end

function faults.kill_daemon(node)
  assert(cluster:kill(node))
  await_grant(newest.token, others(node))
  assert(cluster:restart(node))
end

function faults.pause_daemon(node)
  assert(cluster:pause(node))
  await_grant(newest.token, others(node))
  assert(cluster:resume(node))
end

local NAMES = { "cut", "cut", "stop", "stop", "kill", "kill_daemon", "pause_daemon" }

for node = 1, 3 do
  start(node)
end
await_full()
await_grant(0)

for round = 1, rounds do
  local name = NAMES[math.random(#NAMES)]
  local node = math.random(4) == 1 and math.random(3) or newest.process.node
  current = ("%s(%d) in round %d"):format(name, node, round)
  faults[name](node)
  await_full()
  await_grant(newest.token)
  if round % 10 == 0 then
    print(("%d rounds: %d grants, %d lost, %d writes accepted, %d refused; lost at least %.3f s before the next grant"
      ):format(round, counts.grants, counts.lost, counts.accepted, counts.refused, smallest_margin))
  end
end

assert(cluster:stop())
if counts.refused == 0 and rounds >= 50 then
  problem "the store had nothing to refuse: no old holder has written"
end
uv.run "nowait"
print(#problems == 0 and "no old holder was accepted" or ("%d problems, seed %d"):format(#problems, seed))
os.exit(#problems == 0 and 0 or 1)
