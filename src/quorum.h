/* Quorum: the userdata over libquorum. */
#ifndef COROSYNC_LUA_QUORUM_H
#define COROSYNC_LUA_QUORUM_H

#include "compat.h"

/* Whether Corosync runs here without a quorum provider, and so without votequorum. Opens a connection: between
 * call_begin_open and call_end_open. */
bool quorum_lacks_provider(void);

/* Pushes the table that require "corosync.quorum" answers. [-0, +1, m] */
int quorum_push_module(lua_State *L);

#endif
