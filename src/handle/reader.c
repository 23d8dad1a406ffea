#include "handle/reader.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "handle/fetch.h"
#include "handle/watchdog.h"
#include "support/clock.h"
#include "support/libqb_lock.h"
#include "support/poll.h"
#include "support/thread.h"
#include "support/userdata.h"

/* Corosync's libraries put a buffer of 1 MiB on the stack of the thread that dispatches. */
#define STACK_SIZE ((size_t)2 * 1024 * 1024)

/* Between attempts to give up: no event says when Corosync accepts the request. */
#define RETRY_MILLISECONDS 100

/* Between two warnings that handlers lag; and between checks whether they do, when no more events come. */
#define TELL_PAUSE 10.0 /* seconds */
#define LAG_MILLISECONDS 500

/* The number of checks for the other thread before it takes over, at most one a millisecond. */
#define CHECKS 4
#define SHORTEST_STEP 0.001

/* The part of the limit that a handle's own messages may take. */
#define OWN_PART 4

static const failure failure_overflow = {"overflow",
	"its handlers lag, and the events that wait for them have reached the reader's limit, so it has left the group: "
	"handle events faster or raise the limit, and join again"};

typedef enum duty {
	STANDING_BY, /* the other thread has dispatched since the last check */
	TAKING,      /* it has not: this one takes the events */
	STOPPED,     /* at the limit, until there is room */
	GIVING_UP,   /* drops events until the daemon has accepted the leave */
	DROPPING,
	ENDED, /* the connection is lost */
} duty;

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

/* ---- the thread ---- */

static size_t room(const reader *r)
{
	size_t waiting = queue_length(&r->queue) + atomic_load_explicit(&r->handed, memory_order_relaxed);

	return waiting < r->options.limit ? r->options.limit - waiting : 0;
}

/* On stderr, because Lua handles no event before the handler has returned. Only for events that Lua has not taken over. */
static void warn(reader *r)
{
	double now = clock_seconds();
	size_t bytes = queue_length(&r->queue) + atomic_load_explicit(&r->handed, memory_order_relaxed);
	size_t events = r->queue.count + atomic_load_explicit(&r->handed_events, memory_order_relaxed);
	watchdog_lag lag = {now - r->since, events, bytes, room(r) == 0};
	bool is_news = now >= r->warn_at || (lag.is_full && !r->limit_told);

	if (r->queue.count > 0 && is_news && watchdog_tell_lag(r->handle->watchdog, r->handle, &lag)) {
		r->warn_at = now + TELL_PAUSE;
		r->limit_told = lag.is_full;
	}
}

static duty meet_limit(reader *r)
{
	if (r->options.stops) {
		r->full = true;
		return STOPPED;
	}
	r->ended = &failure_overflow;
	return GIVING_UP;
}

/* Takes a round of events, and keeps them unless no later one is valid. */
static duty take(reader *r, duty present)
{
	bool drained, is_first = queue_length(&r->queue) == 0 && r->ended == NULL;
	size_t bytes = queue_length(&r->queue) + room(r);
	const failure *why = fetch_events(r->handle, r->ended == NULL ? &r->queue : NULL, FETCH_EVENTS, bytes, &drained);

	if (is_first) {
		r->since = clock_seconds() - r->options.after;
	}
	if (why != NULL) {
		reader_lose(r, why);
		present = ENDED;
	} else if (r->ended == NULL) {
		warn(r);
		present = room(r) == 0 ? meet_limit(r) : TAKING;
	}
	if (is_first && (queue_length(&r->queue) > 0 || r->ended != NULL)) {
		thread_ring(r->bell);
	}
	return present;
}

static bool other_has_dispatched(reader *r)
{
	bool has_dispatched = r->turns != r->seen;

	r->seen = r->turns;
	return has_dispatched;
}

static bool is_attended(reader *r)
{
	bool attended;

	(void)pthread_mutex_lock(&r->lock);
	attended = other_has_dispatched(r) && r->ended == NULL;
	(void)pthread_mutex_unlock(&r->lock);
	return attended;
}

/* False when the other thread has not dispatched. In steps, because it may have done so just before the wait. */
static bool stand_by(reader *r)
{
	double step = fmax(r->options.after / CHECKS, SHORTEST_STEP), waited;
	bool attended = false;

	for (waited = 0; waited < r->options.after && !attended; waited += step) {
		(void)poll_readable(NULL, r->nudge, false, step);
		attended = is_attended(r);
	}
	return attended;
}

/* Something waits at the daemon. */
static duty look(reader *r, duty present)
{
	if (is_attended(r)) {
		return STANDING_BY;
	}
	/* libqb's tables must not move while this thread uses them: the other one may open a handle now. */
	libqb_lock();
	(void)pthread_mutex_lock(&r->lock);
	present = other_has_dispatched(r) && r->ended == NULL ? STANDING_BY : take(r, present);
	(void)pthread_mutex_unlock(&r->lock);
	libqb_unlock();
	return present;
}

/* No more events have come, or none are taken. */
static duty look_at_lag(reader *r, duty present)
{
	(void)pthread_mutex_lock(&r->lock);
	if (present == STOPPED ? r->full : queue_length(&r->queue) > 0) {
		warn(r);
	} else {
		present = STANDING_BY;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return present;
}

static duty give_up(reader *r)
{
	cs_error_t error;

	(void)pthread_mutex_lock(&r->requests);
	libqb_lock();
	error = r->handle->class->give_up(r->handle);
	libqb_unlock();
	(void)pthread_mutex_unlock(&r->requests);
	return error == CS_ERR_TRY_AGAIN ? GIVING_UP : DROPPING;
}

/* Milliseconds; -1 for ever. */
static int longest_wait(const reader *r, duty present)
{
	if (present == GIVING_UP) {
		return RETRY_MILLISECONDS;
	}
	return r->handle->watchdog != NULL && (present == TAKING || present == STOPPED) ? LAG_MILLISECONDS : -1;
}

/* True when the daemon has events. */
static bool wait_for_events(const reader *r, duty present)
{
	struct pollfd descriptors[] = {{.fd = r->nudge, .events = POLLIN}, {.fd = r->handle->awaited, .events = POLLIN}};
	bool has_room = present != STOPPED;

	(void)poll(descriptors, has_room ? 2 : 1, longest_wait(r, present));
	if (descriptors[0].revents != 0) {
		thread_silence(r->nudge);
	}
	return has_room && descriptors[1].revents != 0;
}

static bool is_stopping(const reader *r)
{
	return atomic_load(&r->stopping);
}

static void *run(void *argument)
{
	reader *r = argument;
	duty present = STANDING_BY;

	while (present != ENDED && !is_stopping(r)) {
		bool waits = wait_for_events(r, present);
		bool attended = waits && present == STANDING_BY && stand_by(r);
		if (is_stopping(r)) {
			break;
		}
		if (waits && !attended) {
			present = look(r, present);
		} else if (!waits && (present == TAKING || present == STOPPED)) {
			present = look_at_lag(r, present);
		}
		if (present == GIVING_UP) {
			present = give_up(r);
		}
	}
	return NULL;
}

/* ---- start and end ---- */

static int start(reader *r)
{
	int error;

	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->bell = thread_bell();
	r->nudge = thread_bell();
	if (r->epoll < 0 || r->bell < 0 || r->nudge < 0 || !poll_add(r->epoll, r->handle->shown) ||
		!poll_add(r->epoll, r->bell)) {
		return errno;
	}
	error = thread_start(&r->thread, STACK_SIZE, "corosync-reader", run, r);
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
		thread_ring(r->nudge);
		(void)pthread_join(r->thread, NULL);
	}
	userdata_close_fd(&r->epoll);
	userdata_close_fd(&r->bell);
	userdata_close_fd(&r->nudge);
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
		r->turns += kept_up;
		(void)pthread_mutex_unlock(&r->lock);
	}
}

static void exchange_queues(handle *h, reader *r)
{
	queue emptied = h->queue;

	h->queue = r->queue;
	r->queue = emptied;
	r->told = r->limit_told = false;
	reader_note_queued(h);
	if (r->ended == NULL) {
		thread_silence(r->bell);
	}
}

/* There is room again, also when the handle's own queue had taken it all. */
static void wake(reader *r)
{
	if (r->full) {
		r->full = false;
		thread_ring(r->nudge);
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
		if (r->ended != NULL && h->state == HANDLE_OPEN) {
			handle_lose(h, r->ended);
		}
		return false;
	}
	if (!r->told) {
		r->told = true;
		h->class->tell_lag(h, clock_seconds() - r->since, r->queue.count, queue_length(&r->queue));
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
	return r->ended != NULL ? NULL : queue_length(&r->queue) > 0 ? &r->queue : &h->queue;
}

double reader_since(const reader *r)
{
	return r->since;
}

const queue *reader_queue(const reader *r)
{
	return r == NULL ? NULL : &r->queue;
}

/* Dropped events need no room. */
size_t reader_bound(handle *h)
{
	const queue *sink = reader_sink(h);

	return h->reader == NULL || sink == NULL ? SIZE_MAX : queue_length(sink) + room(h->reader);
}

bool reader_has_room(handle *h)
{
	return h->reader == NULL || reader_sink(h) == NULL || room(h->reader) > 0;
}

void reader_note_queued(handle *h)
{
	if (h->reader != NULL) {
		atomic_store_explicit(&h->reader->handed, queue_length(&h->queue), memory_order_relaxed);
		atomic_store_explicit(&h->reader->handed_events, h->queue.count, memory_order_relaxed);
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
		since = queue_length(&r->queue) > 0 ? r->since : 0;
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
	if (r != NULL && r->ended == NULL) {
		r->ended = why;
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
