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

/* ---- the addresses of any node, ending one, and what calls about a node share: nodes.c ---- */

/* NULL if a call about a node is possible: libcfg puts Corosync's reply on the stack. */
const failure *cfg_nodes_unaskable(const cfg *c);

/* CS_OK if the node is in the configuration's list of nodes. */
cs_error_t cfg_nodes_check(handle *h, uint32_t node);

/* The failure of a call about a node, or NULL. */
const failure *cfg_nodes_failure(cfg *c, cs_error_t error);

/* Pushes nil, "cannot <verb> node <node>: …", code; returns 3. [-0, +3, m] */
int cfg_nodes_fail(lua_State *L, const char *verb, uint32_t node, const failure *why);

int cfg_nodes_method_addresses(lua_State *L);
int cfg_nodes_method_kill(lua_State *L);

/* ---- a node and the links to it, as this node sees them: node_status.c ---- */

int cfg_node_status_method_get(lua_State *L);

/* ---- this node's interfaces: rings.c ---- */

int cfg_rings_method_status(lua_State *L);

#endif
