/* Filling a handle's queue from the daemon or its reader. */
#ifndef COROSYNC_LUA_HANDLE_REFILL_H
#define COROSYNC_LUA_HANDLE_REFILL_H

#include "handle/handle.h"

/* Methods of all handles. */
extern const luaL_Reg refill_methods[];

/* Takes up to so many events, for a caller that handles them next. True when no more wait at the daemon. */
bool refill(handle *h, size_t events);

/* Queues one event if the queue is empty. True when no more wait at the daemon. */
bool refill_one(handle *h);

/* For the conversion of an event: takes all that wait. The event stays the oldest, but its address changes. */
void refill_all(handle *h);

#endif
