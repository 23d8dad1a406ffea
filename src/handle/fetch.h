/* From Corosync into queues: dispatching, and appending for Corosync's callbacks. No Lua. */
#ifndef COROSYNC_LUA_HANDLE_FETCH_H
#define COROSYNC_LUA_HANDLE_FETCH_H

#include "handle/handle.h"

/* The limits of one round: they bound memory and time, and the copied events are still in the CPU's caches. */
#define FETCH_EVENTS 256
#define FETCH_BYTES ((size_t)64 * 1024)

/* For Corosync's callbacks: the handle whose dispatch runs on this thread. */
handle *fetch_handle(void);

/* For them too: an event to fill; NULL when events are dropped, or without memory for it. */
event *fetch_append(uint64_t kind, size_t payload);

/*
 * Moves events that wait at the daemon into a queue, or drops them when that is NULL, until so many events have come or
 * the queue has so many bytes. One thread at a time. Returns NULL, or why no later event is valid; `drained` is
 * whether no more waited.
 */
const failure *fetch_events(handle *h, queue *to, size_t events, size_t bytes, bool *drained);

#endif
