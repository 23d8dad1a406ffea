/*
 * Shutdown requests: from libcfg's callback into the queue and to a handler, the reply, what a reply leaves behind, and how
 * to ask for a shutdown. With that goes all of the class of libcfg's handles.
 */
#ifndef COROSYNC_LUA_CFG_SHUTDOWN_H
#define COROSYNC_LUA_CFG_SHUTDOWN_H

#include <corosync/cfg.h>

#include "handle/handle.h"

typedef struct cfg {
	handle handle;
	bool asked;   /* the script knows of a request that it has not answered */
	bool replied; /* ever: libcfg then no longer ends the connection */
} cfg;

extern const handle_class cfg_class;
extern const corosync_cfg_callbacks_t cfg_callbacks;

int cfg_method_reply_shutdown(lua_State *L);
int cfg_method_try_shutdown(lua_State *L);

/*
 * CS_OK if the daemon takes requests now, CS_ERR_TRY_AGAIN if it does not: while the membership changes or its queue is
 * full. For the calls of libcfg that do not look at its answer.
 */
cs_error_t cfg_probe(cfg *c);

/* Pushes true if `why` is NULL, else nil, "cannot <what>: …", code; answers how many values it pushed. [-0, +1|3, m] */
int cfg_answer(lua_State *L, const char *what, const failure *why);

#endif
