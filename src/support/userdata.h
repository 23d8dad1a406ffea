/* Helpers for userdata, of handles and others. */
#ifndef COROSYNC_LUA_SUPPORT_USERDATA_H
#define COROSYNC_LUA_SUPPORT_USERDATA_H

#include "support/compat.h"

/* Whether a function of that name belongs in the metatable itself, not behind its __index. */
bool userdata_is_metamethod(const char *name);

/* Makes a locked metatable with metamethods, and methods behind its __index. [-0, +0, m] */
void userdata_setup(lua_State *L, const char *type, const luaL_Reg *methods);

/*
 * Calls the function on top of the stack with its arguments, then releases `source`, from which it builds its results,
 * also after an error, which is raised again. Calls that may raise must come before `source` is allocated.
 * [-(arguments + 1), +results, e]
 */
void userdata_build(lua_State *L, int arguments, int results, void (*release)(void *source), void *source);

#endif
