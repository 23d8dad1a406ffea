/* Votes and quorum: the userdata over libvotequorum. */
#ifndef COROSYNC_LUA_VOTEQUORUM_H
#define COROSYNC_LUA_VOTEQUORUM_H

#include "handle/handle.h"

extern const handle_class votequorum_class;

/* Pushes the table that require "corosync.votequorum" answers. [-0, +1, m] */
int votequorum_push_module(lua_State *L);

#endif
