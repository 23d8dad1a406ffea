rockspec_format = "3.0"
package = "cpgrun"
version = "0.1.0-1"
source = {
  url = "git+https://github.com/lua-corosync/lua-corosync.git",
  tag = "v0.1.0",
}
description = {
  summary = "Runs Lua scripts as members of Corosync's closed process groups",
  detailed = [[
The host of lua-corosync: loads a script, joins its group and calls its handlers. It also runs scripts on a private cluster
of real daemons on this machine, with faults on demand.]],
  license = "MIT",
  labels = { "cluster", "corosync" },
}
-- luv and argparse are not listed: the program links the luv library of Debian's lua-luv-dev, and its Lua half must be
-- the same one. The build names missing packages.
dependencies = { "lua >= 5.1, < 5.5", "lua-corosync == 0.1.0" }
build = {
  type = "make",
  build_target = "cpgrun",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
  },
  install_target = "install-cpgrun",
  install_variables = {
    -- As for building: what is built with other variables is built again.
    CFLAGS = "$(CFLAGS)",
    LUA = "$(LUA)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    PREFIX = "$(PREFIX)",
    BINDIR = "$(BINDIR)",
    LUADIR = "$(LUADIR)",
    MANDIR = "$(PREFIX)/man",
    UNITDIR = "$(PREFIX)/systemd",
    SYSUSERSDIR = "$(PREFIX)/systemd",
  },
}
