/* What votequorum knows of a node and of the votes, and the same as a Lua table. */
#ifndef COROSYNC_LUA_VOTEQUORUM_INFO_H
#define COROSYNC_LUA_VOTEQUORUM_INFO_H

#include <corosync/votequorum.h>

#include "handle/handle.h"

/* Asks for the local node. Elsewhere the same id is the quorum device's, of which there is no information to ask for. */
#define LOCAL_NODE VOTEQUORUM_QDEVICE_NODEID

/* NULL, or why there is nothing in `info`. The handle must be usable. */
const failure *votequorum_info_get(handle *h, uint32_t node, struct votequorum_info *info);

/* Pushes a table. [-0, +1, m] */
void votequorum_info_push(lua_State *L, const struct votequorum_info *info);

/* The word for a node's state, or NULL: the quorum device has none. */
const char *votequorum_info_state_name(uint32_t state);

#endif
