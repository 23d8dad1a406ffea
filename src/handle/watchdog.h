/*
 * A thread that says on stderr which call into a Corosync library does not return: on a node whose daemon is stopped, or
 * whose ring does not form, some do not for as long as that lasts, and no program can put a limit to them. Readers say
 * by it how far handlers lag, since Lua can do so only when the handler has returned.
 */
#ifndef COROSYNC_LUA_HANDLE_WATCHDOG_H
#define COROSYNC_LUA_HANDLE_WATCHDOG_H

#include <stddef.h>

#include "support/compat.h"
#include "handle/handle.h"

/* Makes the metatable. [-0, +0, m] */
void watchdog_setup(lua_State *L);

/*
 * Lua: watchdog(seconds) starts the thread and answers an object, or nil, message, code: "no_resources", or "exist" when
 * this Lua state has one, be it closed. It watches the handles that this state opens from then on, and looks every so
 * many seconds.
 *
 *   watchdog:close()  ends the thread
 */
int watchdog_open(lua_State *L);

/* The watchdog of a Lua state, or NULL. [-0, +0, m] */
watchdog *watchdog_of(lua_State *L);

/* Around a call: of whose handle, what it does, to which group or key if any. Without a watchdog they do nothing. */
void watchdog_enter(watchdog *w, const handle_class *class, const char *what, const char *subject, size_t length);
void watchdog_leave(watchdog *w);

typedef struct watchdog_lag {
	double seconds; /* that the oldest event has waited */
	size_t events, bytes;
	bool is_full;
} watchdog_lag;

/*
 * From any thread, while the handle's connection is open: tells how far its handlers lag, if that is worth a word, and
 * answers whether it did.
 */
bool watchdog_tell_lag(const watchdog *w, const handle *h, const watchdog_lag *lag);

#endif
