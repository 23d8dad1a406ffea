-- What the workers of a node share for a group: keys of the shared dictionary `corosync`, and values in it. No function
-- here lets nginx drop old entries to make room, because an entry that is dropped would be a message that is lost.
local core = require "corosync.binding"
local errors = require "corosync.errors"
local buffer_found, buffer = pcall(require, "string.buffer")

local DICT = "corosync"
local LEAST = 65536 -- bytes of the dictionary
local RESERVE = 8 -- this part of the dictionary (an eighth) stays free for events
local FORMAT = 2 -- of values: workers with another format, from before a reload, use other keys

local store = { DICT = DICT }

-- Why this nginx cannot have such groups, and a code; nil when it can.
function store.problem()
  if not ngx.shared[DICT] then
    return ("its workers need shared memory: add 'lua_shared_dict %s 10m;' to the http block of nginx.conf, or use the "
      .. "option per = \"worker\""):format(DICT), "no_dict"
  elseif ngx.shared[DICT]:capacity() < LEAST then
    return ("lua_shared_dict '%s' has %d kB, and groups of nodes need at least %d: make it larger"):format(DICT,
      ngx.shared[DICT]:capacity() / 1024, LEAST / 1024), "no_memory"
  elseif not buffer_found then
    return "its workers need LuaJIT's string.buffer, which OpenResty has since 1.21.4: use the option per = \"worker\"",
      "not_supported"
  end
end

local Store = {}
Store.__index = Store

function store.new(group)
  return setmetatable({ dict = ngx.shared[DICT], prefix = ("%d:%d:%s:"):format(FORMAT, #group, group) }, Store)
end

function Store:key(...)
  return self.prefix .. table.concat({ ... }, ":")
end

-- The same for all workers that share the dictionary, and different for others on this machine.
function Store:id()
  local id = self.dict:get "id"
  if not id then
    local bell = core.bell()
    self.dict:safe_add("id", bell:name())
    bell:close()
    id = self.dict:get "id"
  end
  return id
end

-- A number that has not been returned before; or nil, message.
function Store:next(key)
  local ok, message = self.dict:safe_add(key, 0)
  if not ok and message ~= "exists" then
    return nil, message
  end
  return self.dict:incr(key, 1)
end

-- The bytes that messages may take: they leave room for events.
function Store:free()
  return self.dict:free_space() - self.dict:capacity() / RESERVE
end

store.encode, store.decode = buffer_found and buffer.encode, buffer_found and buffer.decode

function store.full(bytes)
  return ("lua_shared_dict '%s' has no room for %d bytes: make it larger"):format(DICT, bytes)
end

-- Returns nil, message, code: shared memory has refused something.
function store.failure(action, group, bytes, message)
  if message == "no memory" then
    return errors.failure(action, group, store.full(bytes), "no_memory")
  end
  return errors.failure(action, group, ("lua_shared_dict '%s': %s"):format(DICT, message), "no_memory")
end

return store
