/*
 * How far handlers lag: how long events wait in the handle's own queue. Events carry no time; instead one moment is
 * noted together with the number of events queued then. Until these are handled, the oldest event has waited at least
 * as long as that. For the thread that runs Lua.
 */
#ifndef COROSYNC_LUA_HANDLE_LAG_H
#define COROSYNC_LUA_HANDLE_LAG_H

#include "handle/handle.h"

/* Notes that the queued events have waited since that moment; does nothing while an earlier note is valid. */
void lag_note(handle *h, double since);

/* Queues the event that handlers lag before the others, if it is due: each time after twice as long a wait. */
void lag_queue_event(handle *h);

/* Returns for how many seconds the oldest event has waited, at least; 0 if none waits. */
double lag_seconds(const handle *h);

/* To be called when the oldest event leaves the queue. */
static inline void lag_pass(handle *h)
{
	h->lag.events_left -= h->lag.events_left > 0;
}

#endif
