/* Paths that stay valid when the working folder changes. */
#ifndef COROSYNC_LUA_SUPPORT_PATH_H
#define COROSYNC_LUA_SUPPORT_PATH_H

#include "support/compat.h"

/* Lua: absolute_path(path) returns the path from the root; if the working folder was removed, the path as it is. */
int path_absolute(lua_State *L);

#endif
