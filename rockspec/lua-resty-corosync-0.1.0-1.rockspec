rockspec_format = "3.0"
package = "lua-resty-corosync"
version = "0.1.0-1"
source = {
  url = "git+https://github.com/lua-corosync/lua-corosync.git",
  tag = "v0.1.0",
}
description = {
  summary = "A cache, events, locks and rate limits for all nodes of an OpenResty cluster, on Corosync",
  detailed = [[
Modules for OpenResty on lua-corosync: a cache that is emptied when it may be stale, an ipc for lua-resty-mlcache, and the
methods of lua-resty-events, lua-resty-lock and resty.limit.count for all nodes of a cluster.]],
  license = "MIT",
  labels = { "cluster", "corosync", "openresty" },
}
-- lua-messagepack is not listed, see README.md beside this file.
dependencies = { "lua == 5.1", "lua-corosync == 0.1.0" }
build = {
  type = "make",
  build_pass = false,
  build_variables = { CFLAGS = "$(CFLAGS)" }, -- LuaRocks warns without it
  install_target = "install-resty",
  install_variables = {
    LUA = "$(LUA)",
    LUADIR = "$(LUADIR)",
  },
}
