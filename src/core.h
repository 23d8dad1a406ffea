/* The C half of lua-corosync, for C programs that embed it. */
#ifndef COROSYNC_LUA_CORE_H
#define COROSYNC_LUA_CORE_H

#include <lua.h>

#ifndef COROSYNC_LUA_VERSION
#define COROSYNC_LUA_VERSION "0.1.0"
#endif

/* The loader of module corosync.core: a table with the modules cpg, cmap and quorum, and _VERSION. [-0, +1, m] */
int luaopen_corosync_core(lua_State *L);

#endif
