-- A cache on each node for values of an origin server. A worker that changes a value notifies all workers of all nodes,
-- in one order; a worker that may have missed a message starts with an empty cache, never with a stale one.
local corosync_resty = require "corosync.resty"

local stored = ngx.shared.cache -- shared by all workers of this node
local usable = false -- this worker receives all changes
local changes = 0 -- that this worker has received

local function forget_all()
  changes = changes + 1
  stored:flush_all()
end

local function stop_using()
  usable = false
  forget_all()
end

local group = assert(corosync_resty.group("cache", {
  message_received = function(_, key)
    changes = changes + 1
    stored:delete(key)
    ngx.log(ngx.NOTICE, "forgot ", key)
  end,

  -- A member that joins has missed earlier messages. A member that left may have stored an old value just before, or
  -- ended between a change and its message. The first call is for this worker's own join.
  config_change = stop_using,

  -- With quorum, no worker can change a value without a message to this one.
  view_change = function(view)
    usable = view.quorate == true
    ngx.log(ngx.NOTICE, usable and "uses the cache" or "does not use the cache",
      view.reason and ": Corosync has no quorum provider" or "")
  end,

  disconnected = function(reason)
    stop_using()
    ngx.log(ngx.WARN, "does not use the cache: ", reason)
  end,
}))

local cache = {}

function cache.get(key)
  local value = usable and stored:get(key)
  if value then
    return value, "hit"
  end
  local before = changes
  local response = ngx.location.capture("/origin" .. key)
  if response.status ~= 200 then
    return ngx.exit(response.status)
  end
  if usable and changes == before then -- otherwise the value may be older than a change
    stored:set(key, response.body)
  end
  return response.body, "miss"
end

local function refuse(why)
  ngx.status = ngx.HTTP_SERVICE_UNAVAILABLE
  ngx.say(why)
end

function cache.put(key, value)
  if not group:wait_for(function() return usable end, 5) then
    return refuse "this node has no quorum, Corosync has no quorum provider, or Corosync does not run here"
  end
  local response = ngx.location.capture("/origin" .. key, { method = ngx.HTTP_PUT, body = value })
  if response.status ~= 200 then
    return ngx.exit(response.status)
  end
  local sent, problem = group:send_message(key)
  if not sent then
    return refuse("changed, but the caches were not notified; try again: " .. problem)
  end
  ngx.say "changed"
end

function cache.serve()
  local key = ngx.var.uri
  if ngx.req.get_method() == "PUT" then
    ngx.req.read_body()
    return cache.put(key, ngx.req.get_body_data())
  end
  local value, how = cache.get(key)
  ngx.header["X-Cache"] = how
  ngx.print(value)
end

return cache
