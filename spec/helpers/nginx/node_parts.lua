-- Parts of groups of nodes, for checks that run in a worker.
local ffi = require "ffi"
local core = require "corosync.binding"
local log = require "corosync.resty.node.log"
local messages = require "corosync.resty.node.messages"
local store = require "corosync.resty.node.store"
local writer = require "corosync.resty.node.writer"

local parts = { store = store.new, log = log.new }

-- A message as a run: with node, pid and length before its bytes.
function parts.run(message)
  return ffi.string(ffi.new("uint32_t[3]", 2, 7, #message), 12) .. message
end

function parts.batch(number)
  return { number = number, state = "", events = { "messages", ("x"):rep(60000), 1, false } }
end

function parts.state(batch)
  return store.decode(batch.state)
end

-- A store of a worker that is killed when it is about to set that key.
function parts.dying(of, name)
  local dict = setmetatable({}, { __index = function(_, method)
    return function(_, key, ...)
      if method == "safe_set" and key == of:key(name) then error "killed" end
      return of.dict[method](of.dict, key, ...)
    end
  end })
  return setmetatable({ dict = dict }, { __index = of })
end

-- Of a member with that pid, or of one that has not joined.
function parts.writer(of, pid)
  local workers = { places = function() return {} end, ring = function() end }
  local self = writer.new(of, workers, {})
  if pid then self:joined { node = 1, pid = pid } end
  return self
end

-- The holder finds out that it has left when it sends a message of the list, and another worker is the holder. Returns
-- the number of messages that remain in the list, and the name of the bell that was rung.
function parts.put_back(next_holder)
  local of, rung, bell = store.new "put back", {}, core.bell()
  local watched = setmetatable({}, { __index = function(_, method)
    return function(_, name)
      if method == "ring" then rung[#rung + 1] = name end
      return bell[method](bell, name)
    end
  end })
  local is_member, sender = true, messages.new { group = {}, store = of, bell = watched, directory = "/tmp",
    holder_key = of:key "holder" }
  local function fail() is_member = false return nil, "it has left", "not_joined" end
  sender.member = { can_send = function() return is_member end, send_now = fail, send = fail,
    wake = function() end, has_ended = function() return not is_member end }
  of.dict:rpush(of:key "messages", store.encode { "another", 1, "text", false, core.now() + 10 })
  of.dict:safe_set(of:key "holder", next_holder)
  sender.known_holder = next_holder
  assert(sender:start())
  sender:stop()
  while not sender:has_ended() do ngx.sleep(0.01) end
  return of.dict:llen(of:key "messages") .. " " .. table.concat(rung, " ")
end

return parts
