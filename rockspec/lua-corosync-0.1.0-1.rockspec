rockspec_format = "3.0"
package = "lua-corosync"
version = "0.1.0-1"
source = {
  url = "git+https://github.com/lua-corosync/lua-corosync.git",
  tag = "v0.1.0",
}
description = {
  summary = "Lua for the Corosync cluster engine",
  detailed = [[
Closed process groups: all members receive the same messages in the same order, and see each join, leave and failure at
the same point of that order. A C core over libcpg, libcmap, libquorum, libvotequorum and libcfg, and group objects for Lua.]],
  license = "MIT",
  labels = { "cluster", "corosync", "messaging" },
}
dependencies = { "lua >= 5.1, < 5.5" }
-- Corosync's libraries are not listed: the build finds them by pkg-config, and names missing packages.
build = {
  type = "make",
  build_target = "binding",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
  },
  install_target = "install-binding",
  install_variables = {
    -- As for building: what is built with other variables is built again.
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    PREFIX = "$(PREFIX)",
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
    -- For C programs, inside the rock's folder (`luarocks show --rock-dir lua-corosync`).
    ARCHIVEDIR = "$(PREFIX)/embed/lib",
    INCLUDEDIR = "$(PREFIX)/embed/include",
  },
}
