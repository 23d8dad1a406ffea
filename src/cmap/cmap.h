/* Corosync's configuration map: the userdata over libcmap. */
#ifndef COROSYNC_LUA_CMAP_H
#define COROSYNC_LUA_CMAP_H

#include "support/compat.h"

/* Pushes the module's table. [-0, +1, m] */
int cmap_push_module(lua_State *L);

#endif
