/* Quorum: the userdata over libquorum. */
#ifndef COROSYNC_LUA_QUORUM_H
#define COROSYNC_LUA_QUORUM_H

#include "support/compat.h"

/* Pushes the module's table. [-0, +1, m] */
void quorum_push_module(lua_State *L);

#endif
