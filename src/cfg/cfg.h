/* Administration of Corosync: the userdata over libcfg, and the functions that the files of this folder share. */
#ifndef COROSYNC_LUA_CFG_H
#define COROSYNC_LUA_CFG_H

#include <corosync/cfg.h>

#include "handle/handle.h"

typedef struct cfg {
	handle handle;
	bool reply_due;   /* the script has received a shutdown request that it has not replied to */
	bool has_replied; /* ever: libcfg then no longer closes the connection */
} cfg;

/* Pushes the module's table. [-0, +1, m] */
void cfg_push_module(lua_State *L);

/*
 * CS_OK if the daemon accepts requests now, CS_ERR_TRY_AGAIN if it does not: while the membership changes or its queue
 * is full. For the calls of libcfg that do not check its reply.
 */
cs_error_t cfg_probe(cfg *c);

/* Pushes true if `why` is NULL, else nil, "cannot <verb>: …", code; returns the number of values. [-0, +1|3, m] */
int cfg_return(lua_State *L, const char *verb, const failure *why);

/* ---- shutdown requests: shutdown.c ---- */

extern const event_kind cfg_shutdown_kinds[];

/* The callback for corosync_cfg_initialize. */
void cfg_shutdown_event(corosync_cfg_handle_t id, corosync_cfg_shutdown_flags_t flags);

int cfg_shutdown_method_reply(lua_State *L);
int cfg_shutdown_method_try(lua_State *L);

/* ---- any node, and the links to it: nodes.c ---- */

int cfg_nodes_method_addresses(lua_State *L);
int cfg_nodes_method_kill(lua_State *L);
int cfg_nodes_method_status(lua_State *L);

/* ---- this node's interfaces: rings.c ---- */

int cfg_rings_method_status(lua_State *L);

#endif
