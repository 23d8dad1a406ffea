-- The first nginx.conf of docs/openresty.md, and its replica in one worker, run as the page has them.
local files = require "spec.helpers.files"
local lab = require "corosync.lab"
local nginx = require "spec.helpers.nginx"
local program = require "spec.helpers.program"

local AROUND = [[
worker_processes 2;
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
events { worker_connections 64; }
http {
  access_log off;
  %s
  server {
    listen 8090;
    location / { content_by_lua_block { ngx.say(tostring(ngx.shared.flags:get "dark")) } }
  }
}
]]

describe("a map in one worker's replica #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)

  teardown(function()
    assert(cluster:stop())
    program.remove()
  end)

  after_each(nginx.clean)

  it("is read by all workers, also after that worker has crashed", function()
    local block = files.read "docs/openresty.md":match "```nginx\n(lua_shared_dict flags.-)```"
    local app = nginx.start(cluster, 1, program.file("nginx.conf", AROUND:format(block)))
    app:says "start worker process "

    local function set(value)
      local it = assert(cluster:run(1, { "cpgrun", "map", "--json", "feature_flags.flags", "set", "dark", value },
        { host = true }))
      assert.same({ 0, 0 }, { assert(it:wait(60)) }, table.concat(it.errors, "\n"))
    end

    local function is_read(value)
      app:wait_for("a request to read " .. value, function() return app:request "8090/" == value end)
    end

    -- Another member, which keeps the state meanwhile.
    local other = assert(cluster:run(1, { "cpgrun", "examples/feature_flags.lua" }, { host = true }))
    app:wait_for("the other member", function() return #other.errors > 0 end)
    set "true"
    is_read "true"
    local first = app:children()[1]
    assert(cluster:command(1, { "kill", "-9", first }))
    app:says("start worker process ", 3)
    is_read "true"
    set "false"
    is_read "false"
  end)
end)

describe("the smallest nginx.conf #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(2)) end)

  teardown(function()
    nginx.clean()
    program.remove()
    assert(cluster:stop())
  end)

  it("keeps the latest message of all nodes on each node", function()
    local block = files.read "docs/openresty.md":match "```nginx\n(.-)```"
    local file = program.file("nginx.conf", block)
    local first, second = nginx.start(cluster, 1, file), nginx.start(cluster, 2, file)
    for _, each in ipairs { first, second } do
      each:wait_for("a sent message", function()
        local code, out = assert(cluster:command(each.node,
          { "curl", "-s", "http://127.0.0.1:8080/publish?text=joined" }))
        return code == 0 and out == "sent\n"
      end)
    end
    assert.equal("sent", first:request "8080/publish?text=hello")
    second:wait_for("the message", function() return second:request "8080/latest" == "hello" end)
  end)
end)
