-- Which workers of this nginx are members of a group for their node: each has an entry in shared memory. Its value is
-- the configuration of nginx that the worker runs with, or LEAVES.
local presence = { LEAVES = "leaves" }

local function key(store, pid)
  return store:key("member", pid)
end

-- Returns the value of a worker's entry; nil if it is no member.
function presence.get(store, pid)
  return store.dict:get(key(store, pid))
end

-- Returns true, or false and a message.
function presence.set(store, pid, value)
  return store.dict:safe_set(key(store, pid), value)
end

function presence.clear(store, pid)
  store.dict:delete(key(store, pid))
end

return presence
