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
	int epoll, bell, nudge; /* the bell wakes the loop, the nudge the thread; -1 when there is none */
	atomic_bool stopping;
	atomic_size_t handed, handed_events; /* bytes and events that wait in the handle's own queue */

	pthread_mutex_t requests; /* held by the thread that sends one */

	pthread_mutex_t lock; /* held by the thread that dispatches, and for the fields below */
	queue queue;
	double since;   /* when the oldest event there came, about */
	uint64_t turns; /* how often the other thread has dispatched and kept up, */
	uint64_t seen;  /* and the same at the last check */
	bool full;
	bool told;            /* the event that handlers lag is queued for the present events */
	double warn_at;       /* when the watchdog may warn again, */
	bool limit_told;      /* and whether it has warned of the limit */
	const failure *ended; /* why no event comes after those in the queue */
};

/* The bytes that may still be queued before the limit. */
static inline size_t reader_thread_room(const reader *r)
{
	size_t waiting = queue_length(&r->queue) + atomic_load_explicit(&r->handed, memory_order_relaxed);

	return waiting < r->options.limit ? r->options.limit - waiting : 0;
}

/* Under the lock: no event after those in the queue is valid. The first reason counts. */
static inline void reader_thread_lose(reader *r, const failure *why)
{
	if (r->ended == NULL) {
		r->ended = why;
	}
}

/* The thread's function; its argument is the reader. Returns when the reader stops, or the connection is lost. */
void *reader_thread_run(void *argument);

#endif
