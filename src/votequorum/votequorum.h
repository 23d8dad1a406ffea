/* Votes and quorum: the userdata over libvotequorum. */
#ifndef COROSYNC_LUA_VOTEQUORUM_H
#define COROSYNC_LUA_VOTEQUORUM_H

#include "support/compat.h"

/* Pushes the module's table. [-0, +1, m] */
int votequorum_push_module(lua_State *L);

#endif
