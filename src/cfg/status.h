/* Nodes and links as Lua tables. */
#ifndef COROSYNC_LUA_CFG_STATUS_H
#define COROSYNC_LUA_CFG_STATUS_H

#include <corosync/cfg.h>

#include "handle/handle.h"

/* Pushes the array of a node's addresses; on an error pushes nothing. [-0, +1|0, m] */
cs_error_t cfg_status_push_addresses(lua_State *L, handle *h, uint32_t node);

/* The same for the table of a node's status. [-0, +1|0, m] */
cs_error_t cfg_status_push_node(lua_State *L, handle *h, uint32_t node);

/* The same for the array of this node's interfaces. Valid only right after cfg_probe has returned CS_OK. [-0, +1|0, m] */
cs_error_t cfg_status_push_rings(lua_State *L, handle *h);

#endif
