-- Writes entries and bases to a storage until it is killed, and prints what it was told is stored.
-- Arguments: the file, and a seed.
local storage = require "corosync.replica.storage"

math.randomseed(tonumber(arg[2]))

local store = assert(storage.open(arg[1], { replica = "shop", node = 1, cluster = "lab" }))
local loaded = store:load()
local last = loaded and tonumber(loaded.base) or 0
if loaded then
  for index in loaded.entries do
    last = index
  end
end

local function say(...)
  io.write(table.concat({ ... }, " "), "\n")
  io.flush()
end

local function body(number)
  return (number .. " "):rep(math.random(20) == 1 and 60000 or math.random(0, 60))
end

local function commit()
  for _ = 1, math.random(12) do
    last = last + 1
    store:append(last, body(last))
  end
  store:set_meta(tostring(last))
  assert(store:commit())
  say("committed", last)
end

say "writing"
while true do
  local base, chunks = last, math.random(0, 6)
  local writer = assert(store:write_base(tostring(last), tostring(base), base))
  assert(writer:chunk(tostring(chunks)))
  for chunk = 1, chunks do
    if math.random(2) == 1 then
      commit()
    end
    assert(writer:chunk(body(chunk)))
  end
  if math.random(4) > 1 then
    assert(writer:finish())
    say("based", base)
  end
  commit()
end
