/* Userdata that are no handles of Corosync's, and what any userdata's functions share. */
#ifndef COROSYNC_LUA_SUPPORT_USERDATA_H
#define COROSYNC_LUA_SUPPORT_USERDATA_H

#include "support/compat.h"

/* Makes a locked metatable with metamethods, and methods behind its __index. [-0, +0, m] */
void userdata_setup(lua_State *L, const char *type, const luaL_Reg *metamethods, const luaL_Reg *methods);

/*
 * Calls the function on top of the stack with its arguments, and then releases what it builds its results from, whatever
 * happens: its error is raised again. All that may raise before belongs before there is something to release.
 * [-(arguments + 1), +results, e]
 */
void userdata_build(lua_State *L, int arguments, int results, void (*release)(void *source), void *source);

/* Closes a descriptor that is not -1, and makes it that. */
void userdata_close_fd(int *fd);

#endif
