/* Quorum: the userdata over libquorum. */
#ifndef COROSYNC_LUA_QUORUM_H
#define COROSYNC_LUA_QUORUM_H

#include "support/compat.h"

/* Pushes the table that require "corosync.quorum" answers. [-0, +1, m] */
int quorum_push_module(lua_State *L);

#endif
