-- Places for a node's members: two workers of a node may be members, the others only read the log. The kernel frees the
-- place of a worker that has ended, because it is the name of a socket.
local core = require "corosync.binding"
local presence = require "corosync.resty.node.presence"

local COUNT = 2

local Seat = {}
Seat.__index = Seat

-- The name is the same for all workers of this nginx, and for no others.
local function name_of(of, number)
  return ("%s.%s.%d"):format(of:id(), ngx.md5(of.prefix), number)
end

-- A worker that was killed has left what others knew of it as a member.
local function clear(of, key)
  local pid = of.dict:get(key)
  if pid then
    presence.clear(of, pid)
  end
end

-- A seat that is free; nil when there is none.
local function take(of)
  for number = 1, COUNT do
    local lock = core.bell(name_of(of, number))
    if lock then
      local key = of:key("seat", number)
      clear(of, key)
      of.dict:safe_set(key, ngx.worker.pid())
      return setmetatable({ lock = lock, store = of, key = key }, Seat)
    end
  end
end

function Seat:free()
  self.store.dict:delete(self.key)
  self.lock:close()
end

-- The pids of the other workers that have seats.
function Seat:others(of)
  local pids = {}
  for number = 1, COUNT do
    local name = name_of(of, number)
    if name ~= self.lock:name() and self.lock:ring(name) then
      pids[#pids + 1] = of.dict:get(of:key("seat", number))
    end
  end
  return pids
end

return { COUNT = COUNT, take = take }
