/* Administration of Corosync: the userdata over libcfg, and the functions that the files of this folder share. */
#ifndef COROSYNC_LUA_CFG_H
#define COROSYNC_LUA_CFG_H

#include <corosync/cfg.h>

#include "handle/handle.h"

/* Pushes the module's table. [-0, +1, m] */
void cfg_push_module(lua_State *L);

/* ---- shutdown requests: shutdown.c, which also has the class ---- */

typedef struct cfg {
	handle handle;
	bool asked;   /* the script has received a request that it has not replied to */
	bool replied; /* ever: libcfg then no longer closes the connection */
} cfg;

extern const handle_class cfg_class;

int cfg_method_reply_shutdown(lua_State *L);
int cfg_method_try_shutdown(lua_State *L);

/*
 * CS_OK if the daemon accepts requests now, CS_ERR_TRY_AGAIN if it does not: while the membership changes or its queue
 * is full. For the calls of libcfg that do not check its reply.
 */
cs_error_t cfg_probe(cfg *c);

/* Pushes true if `why` is NULL, else nil, "cannot <verb>: …", code; returns the number of values. [-0, +1|3, m] */
int cfg_return(lua_State *L, const char *verb, const failure *why);

/* ---- nodes and links as Lua tables: status.c ---- */

/* Pushes the array of a node's addresses; on an error pushes nothing. [-0, +1|0, m] */
cs_error_t cfg_status_push_addresses(lua_State *L, handle *h, uint32_t node);

/* The same for the table of a node's status. [-0, +1|0, m] */
cs_error_t cfg_status_push_node(lua_State *L, handle *h, uint32_t node);

/* The same for the array of this node's interfaces, right after cfg_probe has returned CS_OK. [-0, +1|0, m] */
cs_error_t cfg_status_push_rings(lua_State *L, handle *h);

#endif
