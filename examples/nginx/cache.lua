-- A cache on each node for values of an origin server: GET reads a value, PUT changes it for all nodes.
local corosync_cache = require "resty.corosync.cache"

-- nginx.conf gives the origin 1 s to connect, 1 s to take a short request and 2 s to reply.
local values = assert(corosync_cache.new("cache", { store = "cache", longest = 4 }))

local function request(key, options)
  local response = ngx.location.capture("/origin" .. key, options)
  if response.status ~= ngx.HTTP_OK then
    return nil, "the origin returned status " .. response.status
  end
  return response.body
end

local function fail(why)
  ngx.status = ngx.HTTP_SERVICE_UNAVAILABLE
  ngx.say(why)
end

local cache = {}

function cache.get(key)
  local value, how = values:get(key, request)
  if not value then
    return fail(how)
  end
  ngx.header["X-Cache"] = how
  ngx.print(value)
end

function cache.put(key, value)
  local ok, message = values:change(key, request, { method = ngx.HTTP_PUT, body = value })
  if not ok then
    return fail(message)
  end
  ngx.say "changed"
end

function cache.serve()
  if ngx.req.get_method() == "PUT" then
    ngx.req.read_body()
    return cache.put(ngx.var.uri, ngx.req.get_body_data())
  end
  cache.get(ngx.var.uri)
end

return cache
