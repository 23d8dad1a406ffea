/*
 * Around each call into a Corosync library that may block: the reader sends nothing on the same handle meanwhile, and
 * the watchdog knows the call in progress. tools/check-calls.lua fails if a method may block outside of such a call.
 */
#ifndef COROSYNC_LUA_HANDLE_CALL_H
#define COROSYNC_LUA_HANDLE_CALL_H

#include <stddef.h>

#include "handle/handle.h"
#include "handle/reader.h"
#include "handle/watchdog.h"

/*
 * `verb` names the call, `subject` a group or a key, any bytes, or NULL. Nothing that raises may come before
 * call_end.
 */
static inline void call_begin(handle *h, const char *verb, const char *subject, size_t length)
{
	watchdog_enter(h->watchdog, h->class, verb, subject, length);
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

/* One watched call and its error code: with the name of a group, a key or a device; or without a name. */
#define CALL_ON(h, verb, subject, length, call) (call_begin((h), (verb), (subject), (length)), call_ended((h), (call)))
#define CALL(h, verb, call) CALL_ON(h, verb, NULL, 0, call)

#endif
