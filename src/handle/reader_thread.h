/*
 * The reader's own thread, and the state that it shares with the thread that runs Lua. Only reader.c and
 * reader_thread.c include this.
 */
#ifndef COROSYNC_LUA_HANDLE_READER_THREAD_H
#define COROSYNC_LUA_HANDLE_READER_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "handle/handle.h"
#include "handle/reader_options.h"

struct reader {
	handle *handle;
	pthread_t thread;
	bool started;
	reader_options options;
	/* Descriptors, -1 when there is none. */
	int epoll;          /* for loops: readable when the daemon or the reader has events */
	int loop_eventfd;   /* in `epoll`: readable while the reader has events or has ended */
	int reader_eventfd; /* wakes the reader's thread */
	atomic_bool stopping;
	atomic_size_t handle_queue_bytes, handle_queue_events; /* of the handle's own queue */

	pthread_mutex_t requests; /* held by the thread that sends one */

	pthread_mutex_t lock; /* held by the thread that dispatches, and for the fields below */
	queue queue;
	double oldest_since;       /* when the oldest event there came, about */
	uint64_t dispatches;       /* how often the other thread has dispatched and kept up */
	uint64_t dispatches_seen;  /* the same at the reader's last check */
	bool awaits_room;          /* it takes no events until there is room below the limit */
	bool lag_queued;           /* the event that handlers lag is queued for the present events */
	double warn_at;            /* when the watchdog may warn again */
	bool limit_warned;         /* it has warned of the limit */
	const failure *end_reason; /* why no event comes after those in the queue; NULL while more may come */
};

/* The bytes that may still be queued before the limit. */
static inline size_t reader_thread_room(const reader *r)
{
	size_t waiting = queue_length(&r->queue) + atomic_load_explicit(&r->handle_queue_bytes, memory_order_relaxed);

	return waiting < r->options.limit ? r->options.limit - waiting : 0;
}

/* Under the lock: no event after those in the queue is valid. The first reason counts. */
static inline void reader_thread_lose(reader *r, const failure *why)
{
	if (r->end_reason == NULL) {
		r->end_reason = why;
	}
}

/* The thread's function; its argument is the reader. Returns when the reader stops, or the connection is lost. */
void *reader_thread_run(void *argument);

#endif
