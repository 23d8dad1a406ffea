/* From Corosync into queues: what its callbacks append, and the dispatches that make it call them. No Lua. */
#ifndef COROSYNC_LUA_HANDLE_FETCH_H
#define COROSYNC_LUA_HANDLE_FETCH_H

#include "handle/handle.h"

/* One round of fetching ends here: neither memory nor time runs away, and what was copied is still in the caches. */
#define FETCH_EVENTS 256
#define FETCH_BYTES ((size_t)64 * 1024)

/* For Corosync's callbacks: the handle whose dispatch runs on this thread, and with it the callback. */
handle *fetch_handle(void);

/* For them, too: an event to fill; or NULL when it is not wanted, or when there is no memory for it. */
event *fetch_append(uint64_t kind, size_t payload);

/*
 * Moves what waits at the daemon into a queue, or away when that is NULL, until so many events have come or so many
 * bytes wait in the queue. One thread at a time. Answers NULL, or why no event that comes later is good; `drained` is
 * whether nothing more waited.
 */
const failure *fetch_events(handle *h, queue *to, size_t events, size_t bytes, bool *drained);

#endif
