/*
 * Around each call into a Corosync library that may block: the reader sends nothing on the same handle meanwhile, and the
 * watchdog knows what is under way. tools/check-calls.lua fails when a method blocks outside of such a call.
 */
#ifndef COROSYNC_LUA_HANDLE_CALL_H
#define COROSYNC_LUA_HANDLE_CALL_H

#include <stddef.h>

#include "handle/handle.h"
#include "handle/reader.h"
#include "handle/watchdog.h"

/*
 * `what` is a verb, `subject` the name of a group or a key, any bytes, or nothing. Nothing that raises may come before the
 * end.
 */
static inline void call_begin(handle *h, const char *what, const char *subject, size_t length)
{
	watchdog_enter(h->watchdog, h->class, what, subject, length);
	reader_lock_requests(h->reader);
}

static inline void call_end(handle *h)
{
	reader_unlock_requests(h->reader);
	watchdog_leave(h->watchdog);
}

static inline cs_error_t call_ended(handle *h, cs_error_t error)
{
	call_end(h);
	return error;
}

/* The error code of one call, watched: about a group, a key or a device; or about nothing that has a name. */
#define CALL_ON(h, what, subject, length, call) (call_begin((h), (what), (subject), (length)), call_ended((h), (call)))
#define CALL(h, what, call) CALL_ON(h, what, NULL, 0, call)

#endif
