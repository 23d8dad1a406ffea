-- Each node's cache of values that an origin keeps. Whoever changes a value tells all workers of all nodes, in one
-- order; whoever may have missed that starts from an empty cache, never from a stale one.
local corosync_resty = require "corosync.resty"

local stored = ngx.shared.cache -- by all workers of this node
local usable = false -- by this worker: nothing can be changed without its hearing of it
local changes = 0 -- that this worker has heard of

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

  -- Whoever joined has missed what was before, and whoever has left may have stored an old value just before, or died
  -- between a change and its telling. This worker's own join is the first of these.
  config_change = stop_using,

  -- Where a majority is, nobody can change a value out of this worker's hearing.
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
  if usable and changes == before then -- else the value may be from before a change
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
    return refuse "this node has no quorum, Corosync has no quorum provider, or it does not run here"
  end
  local response = ngx.location.capture("/origin" .. key, { method = ngx.HTTP_PUT, body = value })
  if response.status ~= 200 then
    return ngx.exit(response.status)
  end
  local sent, problem = group:send_message(key)
  if not sent then
    return refuse("changed, but the caches were not told: try again: " .. problem)
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
