#include "handle/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "handle/reader_thread.h"
#include "support/clock.h"
#include "support/descriptor.h"
#include "support/poll.h"
#include "support/thread.h"

/* Corosync's libraries put a buffer of 1 MiB on the stack of the thread that dispatches. */
#define STACK_SIZE ((size_t)2 * 1024 * 1024)

/* The part of the limit that a handle's own messages may take. */
#define OWN_PART 4

/* ---- start and end ---- */

static int start(reader *r)
{
	int error;

	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->loop_eventfd = thread_eventfd();
	r->reader_eventfd = thread_eventfd();
	if (r->epoll < 0 || r->loop_eventfd < 0 || r->reader_eventfd < 0 || !poll_add(r->epoll, r->handle->loop_fd) ||
		!poll_add(r->epoll, r->loop_eventfd)) {
		return errno;
	}
	error = thread_start(&r->thread, STACK_SIZE, "corosync-reader", reader_thread_run, r);
	r->started = error == 0;
	return error;
}

int reader_start(handle *h, const reader_options *options)
{
	reader *r = calloc(1, sizeof *r);
	int error;

	if (r == NULL) {
		return ENOMEM;
	}
	r->handle = h;
	r->options = *options;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_mutex_init(&r->requests, NULL);
	h->reader = r;
	error = start(r);
	if (error != 0) {
		reader_end(h);
	}
	return error;
}

void reader_end(handle *h)
{
	reader *r = h->reader;

	if (r == NULL) {
		return;
	}
	if (r->started) {
		atomic_store(&r->stopping, true);
		thread_eventfd_set(r->reader_eventfd);
		(void)pthread_join(r->thread, NULL);
	}
	descriptor_close(&r->epoll);
	descriptor_close(&r->loop_eventfd);
	descriptor_close(&r->reader_eventfd);
	queue_free(&r->queue);
	(void)pthread_mutex_destroy(&r->requests);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
	h->reader = NULL;
}

/* ---- for the thread that runs Lua ---- */

int reader_descriptor(const reader *r)
{
	return r->epoll;
}

void reader_lock(reader *r)
{
	if (r != NULL) {
		(void)pthread_mutex_lock(&r->lock);
	}
}

void reader_unlock(reader *r, bool kept_up)
{
	if (r != NULL) {
		r->dispatches += kept_up;
		(void)pthread_mutex_unlock(&r->lock);
	}
}

static void exchange_queues(handle *h, reader *r)
{
	queue emptied = h->queue;

	h->queue = r->queue;
	r->queue = emptied;
	r->lag_queued = r->limit_warned = false;
	reader_note_queued(h);
	if (r->end_reason == NULL) {
		thread_eventfd_clear(r->loop_eventfd);
	}
}

/* There is room again, also when the handle's own queue had taken it all. */
static void wake(reader *r)
{
	if (r->awaits_room) {
		r->awaits_room = false;
		thread_eventfd_set(r->reader_eventfd);
	}
}

bool reader_hand_over(handle *h)
{
	reader *r = h->reader;

	if (r == NULL) {
		return false;
	}
	wake(r);
	if (queue_length(&r->queue) == 0) {
		if (r->end_reason != NULL && h->state == HANDLE_OPEN) {
			handle_lose(h, r->end_reason);
		}
		return false;
	}
	if (!r->lag_queued) {
		r->lag_queued = true;
		h->class->queue_lag(h, clock_seconds() - r->oldest_since, r->queue.count, queue_length(&r->queue));
	}
	/* The lag event comes first, if there was memory for it. */
	if (queue_length(&h->queue) == 0) {
		exchange_queues(h, r);
	}
	return true;
}

queue *reader_sink(handle *h)
{
	reader *r = h->reader;

	if (r == NULL) {
		return &h->queue;
	}
	return r->end_reason != NULL ? NULL : queue_length(&r->queue) > 0 ? &r->queue : &h->queue;
}

double reader_handed_since(const reader *r)
{
	return r->oldest_since;
}

const queue *reader_queue(const reader *r)
{
	return r == NULL ? NULL : &r->queue;
}

/* Dropped events need no room. */
size_t reader_bound(handle *h)
{
	const queue *sink = reader_sink(h);

	return h->reader == NULL || sink == NULL ? SIZE_MAX : queue_length(sink) + reader_thread_room(h->reader);
}

bool reader_has_room(handle *h)
{
	return h->reader == NULL || reader_sink(h) == NULL || reader_thread_room(h->reader) > 0;
}

void reader_note_queued(handle *h)
{
	if (h->reader != NULL) {
		atomic_store_explicit(&h->reader->handle_queue_bytes, queue_length(&h->queue), memory_order_relaxed);
		atomic_store_explicit(&h->reader->handle_queue_events, h->queue.count, memory_order_relaxed);
	}
}

void reader_count_queued(handle *h, size_t *events, size_t *bytes)
{
	reader *r = h->reader;

	*events = h->queue.count;
	*bytes = queue_length(&h->queue);
	if (r != NULL) {
		(void)pthread_mutex_lock(&r->lock);
		*events += r->queue.count;
		*bytes += queue_length(&r->queue);
		(void)pthread_mutex_unlock(&r->lock);
	}
}

double reader_waiting_since(reader *r)
{
	double since = 0;

	if (r != NULL) {
		(void)pthread_mutex_lock(&r->lock);
		since = queue_length(&r->queue) > 0 ? r->oldest_since : 0;
		(void)pthread_mutex_unlock(&r->lock);
	}
	return since;
}

double reader_after(const reader *r)
{
	return r == NULL ? READER_AFTER : r->options.after;
}

size_t reader_own_bound(const reader *r)
{
	return (r == NULL ? READER_LIMIT : r->options.limit) / OWN_PART;
}

bool reader_holds(reader *r)
{
	bool holds = false;

	if (r != NULL) {
		(void)pthread_mutex_lock(&r->lock);
		holds = queue_length(&r->queue) > 0;
		(void)pthread_mutex_unlock(&r->lock);
	}
	return holds;
}

void reader_lose(reader *r, const failure *why)
{
	if (r != NULL) {
		reader_thread_lose(r, why);
	}
}

void reader_lock_requests(reader *r)
{
	if (r != NULL) {
		(void)pthread_mutex_lock(&r->requests);
	}
}

void reader_unlock_requests(reader *r)
{
	if (r != NULL) {
		(void)pthread_mutex_unlock(&r->requests);
	}
}
