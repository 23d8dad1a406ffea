/* votequorum's information on a node and on the votes, and the same as a Lua table. */
#ifndef COROSYNC_LUA_VOTEQUORUM_INFO_H
#define COROSYNC_LUA_VOTEQUORUM_INFO_H

#include <corosync/votequorum.h>

#include "handle/handle.h"

/* The local node. In other calls the same id is the quorum device's, which has no information of its own. */
#define LOCAL_NODE VOTEQUORUM_QDEVICE_NODEID

/* Fills `info` and returns NULL, or why not. The handle must be usable. */
const failure *votequorum_info_get(handle *h, uint32_t node, struct votequorum_info *info);

/* Pushes a table. [-0, +1, m] */
void votequorum_info_push(lua_State *L, const struct votequorum_info *info);

/* The name of a node's state; NULL for the quorum device, which has none. */
const char *votequorum_info_state_name(uint32_t state);

#endif
