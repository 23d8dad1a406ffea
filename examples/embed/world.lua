-- The world of the game: pawns on a board, the same on all nodes. game.c calls `frame` sixty times a second and
-- dispatches the replica.
--
-- A move is a command. All members apply it at the same point in the order, once a majority of the nodes has it.
-- A member that joins or was cut off gets the world from another one; a minority waits.
local replica = require "corosync.replica"

local SIZE = 8 -- of the board: small, so that pawns block each other
local PACE = 6 -- frames between two moves of a player
local REPORT = 30 -- moves between two lines about the world

io.stdout:setvbuf "line"

-- The number of moves since the world began, and a sum over all pawns. Equal worlds have equal versions.
local function version(world)
  local nodes, sum = {}, 0
  for node in pairs(world.pawns) do
    nodes[#nodes + 1] = node
  end
  table.sort(nodes)
  for _, node in ipairs(nodes) do
    sum = (sum * 31 + node * SIZE * SIZE + world.pawns[node].x * SIZE + world.pawns[node].y) % 2 ^ 32
  end
  return ("%d %08x"):format(world.moves, sum)
end

local function is_free(world, x, y)
  for _, pawn in pairs(world.pawns) do
    if pawn.x == x and pawn.y == y then
      return false
    end
  end
  return true
end

-- A pawn does not move onto another one, so the order of moves matters.
local function move(world, by)
  local pawn = world.pawns[by.node] or { x = 0, y = 0 }
  local x, y = (pawn.x + by.dx) % SIZE, (pawn.y + by.dy) % SIZE
  if is_free(world, x, y) then
    world.pawns[by.node] = { x = x, y = y }
  end
  world.moves = world.moves + 1
end

local machine
local app = assert(replica("world", {
  loop = false, -- game.c dispatches
  ready = function() print("playing " .. version(machine.state)) end,
  suspended = function(reason) print(("frozen %s: %s"):format(version(machine.state), reason)) end,
}))

machine = app:machine("world", {
  initial = function() return { moves = 0, pawns = {} } end,
  apply = move,
  changed = function(world)
    if world.moves % REPORT == 0 then
      print("world " .. version(world))
    end
  end,
})

local node = assert(app:address()).node

local function done() end -- a move that fails is not made up for

-- The player moves at random. The callback keeps the frame from waiting for the move.
local function frame(number)
  if number % PACE == 0 and app:status() == "ready" then
    machine:submit({ node = node, dx = math.random(-1, 1), dy = math.random(-1, 1) }, done)
  end
end

return { app = app, frame = frame }
