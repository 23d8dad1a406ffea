-- The world of the game: pawns on a board, kept equal on all nodes. game.c calls `frame` sixty times a second, and
-- dispatches the group.
--
-- A move is a message. A member moves a pawn only when the message comes, and messages come to all members in one
-- order. So all have the same world, if they started with the same one and missed no message.
--
-- After any change of the members or the ring, this is in doubt: the members stop playing until they agree on a world:
--
-- 1. Each member that has quorum sends the version of its world: a claim. A minority sends no claims and waits.
-- 2. When all have sent their claims, the member with the newest world sends it. All members take it, and play.
--
-- The events that decide when the world is in doubt, which claims count and whose world wins come to all members in the
-- same order, so all decide the same. Quorum does not come in that order: it only decides which members send claims.
local corosync = require "corosync"

local SIZE = 8 -- of the board: small, so that pawns block each other
local PACE = 6 -- frames between two moves of a player
local PATIENCE = 2 -- seconds to wait for the claims of the others
local REPORT = 30 -- moves between two lines about the world

io.stdout:setvbuf "line"

local pawns = {} -- by node, each with x and y
local moves = 0 -- the number of moves since the world began
local epoch = 0 -- grows with each agreement: of two worlds the newer has the higher one

local settled = false -- all members have the same world, and play
local quorate = false
local ring, members = nil, {}
local claims = {} -- by address, with the fields epoch and world
local claimed_at, has_sent -- the messages of this member since the last doubt

-- The world.

-- Three numbers that identify a world.
local function version()
  local nodes, sum = {}, 0
  for node in pairs(pawns) do
    nodes[#nodes + 1] = node
  end
  table.sort(nodes)
  for _, node in ipairs(nodes) do
    sum = (sum * 31 + node * SIZE * SIZE + pawns[node].x * SIZE + pawns[node].y) % 2 ^ 32
  end
  return ("%d %d %08x"):format(epoch, moves, sum)
end

local function is_free(x, y)
  for _, pawn in pairs(pawns) do
    if pawn.x == x and pawn.y == y then
      return false
    end
  end
  return true
end

-- A pawn does not move onto another one, so the order of moves matters.
local function move(node, dx, dy)
  local pawn = pawns[node] or { x = 0, y = 0 }
  local x, y = (pawn.x + dx) % SIZE, (pawn.y + dy) % SIZE
  if is_free(x, y) then
    pawns[node] = { x = x, y = y }
  end
  moves = moves + 1
  if moves % REPORT == 0 then
    print("world " .. version())
  end
end

local function world_text()
  local words = { version() }
  for node, pawn in pairs(pawns) do
    words[#words + 1] = ("%d:%d:%d"):format(node, pawn.x, pawn.y)
  end
  return table.concat(words, " ")
end

local function take_world(text)
  pawns = {}
  moves = tonumber(text:match "^%d+ (%d+)")
  for node, x, y in text:gmatch "(%d+):(%d+):(%d+)" do
    pawns[tonumber(node)] = { x = tonumber(x), y = tonumber(y) }
  end
end

-- Agreement.

local function doubt()
  if settled then
    print("frozen " .. version())
  end
  settled, quorate, claimed_at, has_sent = false, false, nil, false
  claims = {}
end

-- The member with the newest claimed world. Of several equally new worlds, as after a split, the one that most members
-- have wins; and of its members the lowest address.
local function chosen()
  local holders, best = {}, nil
  for _, claim in pairs(claims) do
    holders[claim.world] = (holders[claim.world] or 0) + 1
  end
  local function is_better(one, other)
    local a, b = claims[one], claims[other]
    if a.epoch ~= b.epoch then
      return a.epoch > b.epoch
    elseif holders[a.world] ~= holders[b.world] then
      return holders[a.world] > holders[b.world]
    end
    return one < other
  end
  for address in pairs(claims) do
    if not best or is_better(address, best) then
      best = address
    end
  end
  return best
end

local function have_all_claimed()
  for _, address in ipairs(members) do
    if not claims[address] then
      return os.time() - claimed_at > PATIENCE
    end
  end
  return true
end

-- Handlers of messages, by their first word.
local on = {}

function on.move(address, text)
  local dx, dy = text:match "^(%-?%d) (%-?%d)$"
  if settled and dx then
    move(address.node, tonumber(dx), tonumber(dy))
  end
end

function on.claim(address, text)
  local its_ring, its_world, its_epoch = text:match "^(%S+) ((%d+) %d+ %x+)$"
  if not settled and its_ring == ring.id then
    claims[address] = { epoch = tonumber(its_epoch), world = its_world }
  end
end

-- A late one, from before the last doubt, differs from its sender's claim.
function on.world(address, text)
  if settled or address ~= chosen() or text:match "^%d+ %d+ %x+" ~= claims[address].world then
    return
  end
  take_world(text)
  epoch = math.max(ring.seq, claims[address].epoch + 1)
  settled = true
  print(("playing %s, as %s knows the world"):format(version(), tostring(address)))
end

local group = corosync.group("world", {
  config_change = function(now)
    members = now
    doubt()
  end,

  ring_change = function(new)
    -- A seq that a Lua number cannot hold exactly is a string: then only the claims determine the epoch.
    ring = { id = ("%d/%s"):format(new.node, new.seq), seq = type(new.seq) == "number" and new.seq or 0 }
    doubt()
  end,

  view_change = function(view)
    quorate = view.quorate
    if view.reason then
      print "nobody plays: Corosync has no quorum provider"
    end
  end,

  message_received = function(address, message)
    local word, text = message:match "^(%a+) (.*)$"
    if on[word] then
      on[word](address, text)
    end
  end,

  disconnected = function(reason)
    print(reason)
    doubt()
  end,
})
group.timeout = 0 -- a frame does not wait: a failed send is tried again in the next frame

-- The player moves at random.
local function play(number)
  if number % PACE == 0 then
    group:send_message(("move %d %d"):format(math.random(-1, 1), math.random(-1, 1)))
  end
end

local function frame(number)
  if not group:is_active() then
    -- This takes longer than a frame: 30 ms when Corosync is there.
    return number % 60 == 0 and group:activate()
  elseif not quorate then
    return
  elseif settled then
    play(number)
  elseif not claimed_at then
    claimed_at = group:send_message(("claim %s %s"):format(ring.id, version())) and os.time()
  elseif not has_sent and chosen() == group:address() and have_all_claimed() then
    has_sent = group:send_message("world " .. world_text())
  end
end

return { group = group, frame = frame }
