/*
 * A thread that warns on stderr of a call into a Corosync library that does not return. While a node's daemon is
 * paused, or its ring does not form, some calls block, and no program can limit them. Readers also use it to warn that
 * handlers lag, because Lua can do so only after the handler has returned.
 */
#ifndef COROSYNC_LUA_HANDLE_WATCHDOG_H
#define COROSYNC_LUA_HANDLE_WATCHDOG_H

#include <stddef.h>

#include "support/compat.h"
#include "handle/handle.h"

/* Makes the metatable. [-0, +0, m] */
void watchdog_setup(lua_State *L);

/*
 * Lua: watchdog(seconds[, format]) starts the thread and returns a userdata, or nil, message, code: "no_resources", or
 * "exist" if this Lua state has one, even a closed one. It watches the handles that this state opens from then on, and
 * checks every so many seconds. Its warnings are lines of the format "text" (the default), "json" or "journal".
 *
 *   watchdog:close()  ends the thread
 */
int watchdog_open(lua_State *L);

/* The watchdog of a Lua state, or NULL. [-0, +0, m] */
watchdog *watchdog_of(lua_State *L);

/* Around a call: the handle's class, a verb, and the group or key if any. Without a watchdog they do nothing. */
void watchdog_enter(watchdog *w, const handle_class *class, const char *verb, const char *subject, size_t length);
void watchdog_leave(watchdog *w);

typedef struct watchdog_lag {
	double seconds; /* the oldest event's wait */
	size_t events, bytes;
	bool is_full;
} watchdog_lag;

/*
 * From any thread, while the handle's connection is open: warns how far its handlers lag, if they lag by the watchdog's
 * seconds or the reader is full. Returns whether it did.
 */
bool watchdog_warn_of_lag(const watchdog *w, const handle *h, const watchdog_lag *lag);

#endif
