/*
 * Shutdown requests: from libcfg's callback through the queue to a handler, the reply, the cleanup after a reply, and
 * requesting a shutdown. Has the class of libcfg's handles, because most of its functions are about these.
 */
#ifndef COROSYNC_LUA_CFG_SHUTDOWN_H
#define COROSYNC_LUA_CFG_SHUTDOWN_H

#include <corosync/cfg.h>

#include "handle/handle.h"

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

#endif
