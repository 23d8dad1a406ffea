-- The replica in one worker of docs/openresty.md runs as the page has it.
local guide = require "spec.helpers.guide"
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
    local block = guide.read "docs/openresty.md":match "```nginx\n(lua_shared_dict flags.-)```"
    local folder, name = program.file("nginx.conf", AROUND:format(block)):match "^(.*)/(.*)$"
    local app = nginx.start(cluster, 1, folder, name)
    app:says "start worker process "

    local function set(value)
      local it = assert(cluster:run(1, { "cpgrun", "map", "--json", "feature_flags.flags", "set", "dark", value },
        { host = true }))
      assert.same({ 0, 0 }, { assert(it:wait(40)) }, table.concat(it.errors, "\n"))
    end

    local function is_read(value)
      app:wait_for("a request to read " .. value, function() return app:request "8090/" == value end, 40)
    end

    -- Another member, which keeps the state meanwhile.
    local other = assert(cluster:run(1, { "cpgrun", "examples/feature_flags.lua" }, { host = true }))
    app:wait_for("the other member", function() return #other.errors > 0 end, 40)
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
