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
Closed process groups: every member receives the same messages in the same order, and learns who joined, left or died at
the same point of that order. A C core over libcpg, libcmap, libquorum, libvotequorum and libcfg, and group objects for Lua.]],
  license = "MIT",
  labels = { "cluster", "corosync", "messaging" },
}
dependencies = { "lua >= 5.1, < 5.5" }
external_dependencies = {
  CPG = { header = "corosync/cpg.h", library = "cpg" },
  CMAP = { header = "corosync/cmap.h", library = "cmap" },
  QUORUM = { header = "corosync/quorum.h", library = "quorum" },
  VOTEQUORUM = { header = "corosync/votequorum.h", library = "votequorum" },
  CFG = { header = "corosync/cfg.h", library = "cfg" },
}
build = {
  type = "make",
  build_target = "binding",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    COROSYNC_CFLAGS = "-I$(CPG_INCDIR)",
    COROSYNC_LIBS = "-L$(CPG_LIBDIR) -lcpg -lcmap -lquorum -lvotequorum -lcfg",
  },
  install_target = "install-binding",
  install_variables = {
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
    -- For C programs, within the rock: `luarocks show --rock-dir lua-corosync` says where that is.
    ARCHIVEDIR = "$(PREFIX)/embed/lib",
    INCLUDEDIR = "$(PREFIX)/embed/include",
  },
}
