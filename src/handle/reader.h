/*
 * The stand-by reader of a handle: a thread that takes events from the daemon after they have waited there for a while,
 * because a daemon stores events that a member does not take without bound. It touches no Lua and handles no signals.
 *
 * Its events wait in a queue of its own, which the thread that runs Lua takes over as a whole. The thread that
 * dispatches holds one lock, the thread that sends requests another (see call.h).
 */
#ifndef COROSYNC_LUA_HANDLE_READER_H
#define COROSYNC_LUA_HANDLE_READER_H

#include "handle/handle.h"
#include "handle/reader_options.h"

/* Starts the thread of an open handle. Returns 0 or an errno. */
int reader_start(handle *h, const reader_options *options);

/* Ends the thread and drops its events. This and the functions below do nothing without a reader. */
void reader_end(handle *h);

/* Readable when the daemon has events, or the reader. */
int reader_descriptor(const reader *r);

/* Around dispatching. `kept_up` is whether it has taken all that waited: otherwise the daemon's memory may grow. */
void reader_lock(reader *r);
void reader_unlock(reader *r, bool kept_up);

/*
 * Under the lock, when the handle's own queue is empty: fills it from the reader's, first with the event that
 * handlers lag, or marks the handle lost when the reader has ended. True if it has filled it.
 */
bool reader_hand_over(handle *h);

/* About when the oldest event arrived that the reader has, or of those that it handed over last. */
double reader_handed_since(const reader *r);

/* Under the lock: the queue for the events that the daemon sends now; NULL if they are invalid. */
queue *reader_sink(handle *h);

/* Under the lock: the reader's events, all later than the handle's own queue; NULL without a reader. */
const queue *reader_queue(const reader *r);

/* Under the lock: the most bytes that reader_sink's queue may hold, and whether it has room for any. */
size_t reader_bound(handle *h);
bool reader_has_room(handle *h);

/* Under the lock: no later event is valid. */
void reader_lose(reader *r, const failure *why);

/* To be called when the handle's own queue has changed: its bytes count against the limit, too. */
void reader_note_queued(handle *h);

/* The events that wait for handlers, in the handle's own queue and in the reader's. */
void reader_count_queued(handle *h, size_t *events, size_t *bytes);

/* Returns about when the reader's oldest event arrived; 0 if it has none, or without a reader. */
double reader_waiting_since(reader *r);

/* The seconds that events wait before a reader takes them, also for a handle without one. */
double reader_after(const reader *r);

/* The most bytes of the handle's own messages that may wait: a part of the limit, so that its sends do not reach it. */
size_t reader_own_bound(const reader *r);

/* Whether the reader has events for the handle. */
bool reader_holds(reader *r);

/* Around requests: see call.h. */
void reader_lock_requests(reader *r);
void reader_unlock_requests(reader *r);

#endif
