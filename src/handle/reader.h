/*
 * The stand-by reader of a handle: a thread that takes events from the daemon when they have waited there for a while
 * and nobody took them, since a daemon keeps without bound what a member does not take. It touches no Lua, and no signal
 * is handled in it.
 *
 * What it has taken waits in a queue of its own, which the thread that runs Lua takes over as a whole. One lock is held
 * by whichever of the two dispatches, another one by whichever sends requests (see call.h).
 */
#ifndef COROSYNC_LUA_HANDLE_READER_H
#define COROSYNC_LUA_HANDLE_READER_H

#include <stdbool.h>

#include "handle/handle.h"

/* When nothing else is asked for. */
#define READER_AFTER 0.02 /* seconds */
#define READER_LIMIT ((size_t)64 * 1024 * 1024)

typedef struct reader_options {
	double after; /* seconds that events wait before it takes them */
	size_t limit; /* bytes that may wait for Lua, in all */
	bool stops;   /* at the limit it only stops taking; otherwise it gives up, by the class's function */
} reader_options;

/* Starts the thread of an open handle. Answers 0 or the number of a system's error. */
int reader_start(handle *h, const reader_options *options);

/* Ends the thread and drops what it holds. Without a reader it does nothing; nor do the functions below. */
void reader_end(handle *h);

/* Readable when the daemon has events, or the reader. */
int reader_descriptor(const reader *r);

/* Around dispatching. `kept_up` is whether it has taken what waited: who takes less each time lets the daemon swell. */
void reader_lock(reader *r);
void reader_unlock(reader *r, bool kept_up);

/*
 * Under the lock, when the handle's own queue is empty: fills it from the reader's, at first with the event that
 * handlers lag, or loses the handle when the reader has met its end. True if it has filled it.
 */
bool reader_hand_over(handle *h);

/* Under the lock: the queue to which belongs what the daemon gives now; NULL if none of it is good. */
queue *reader_sink(handle *h);

/* Under the lock: what the reader holds, all of it later than the handle's own queue; NULL without a reader. */
const queue *reader_queue(const reader *r);

/* Under the lock: the most bytes that this queue may hold, and whether it may hold more than it does. */
size_t reader_bound(handle *h);
bool reader_has_room(handle *h);

/* Under the lock: no later event is good. */
void reader_lose(reader *r, const failure *why);

/* What waits in the handle's own queue counts for the limit, too: to be called when it has changed. */
void reader_note_waiting(handle *h);

/* What waits for handlers, in the handle's own queue and in the reader's. */
void reader_count_waiting(handle *h, size_t *events, size_t *bytes);

/* The seconds that events wait before a reader takes them, also for a handle without one. */
double reader_after(const reader *r);

/* The most bytes of the handle's own messages that may wait: a part of the limit, so that its sending does not meet it. */
size_t reader_own_bound(const reader *r);

/* Whether the reader has events for the handle. */
bool reader_holds(reader *r);

/* Around requests: see call.h. */
void reader_lock_requests(reader *r);
void reader_unlock_requests(reader *r);

#endif
