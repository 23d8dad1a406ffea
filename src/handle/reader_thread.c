#include "handle/reader_thread.h"

#include <math.h>
#include <poll.h>

#include "handle/fetch.h"
#include "handle/watchdog.h"
#include "support/clock.h"
#include "support/libqb_lock.h"
#include "support/poll.h"
#include "support/thread.h"

/* Between attempts to give up: no event says when Corosync accepts the request. */
#define RETRY_MILLISECONDS 100

/* Between two warnings that handlers lag; and between checks whether they do, when no more events come. */
#define WARN_PAUSE 10.0 /* seconds */
#define LAG_MILLISECONDS 500

/* The number of checks for the other thread before it takes over, at most one a millisecond. */
#define CHECKS 4
#define SHORTEST_STEP 0.001

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

/* On stderr, because Lua handles no event before the handler returns. Only while the reader itself has events. */
static void warn(reader *r)
{
	double now = clock_seconds();
	size_t bytes = queue_length(&r->queue) + atomic_load_explicit(&r->handle_queue_bytes, memory_order_relaxed);
	size_t events = r->queue.count + atomic_load_explicit(&r->handle_queue_events, memory_order_relaxed);
	watchdog_lag lag = {now - r->oldest_since, events, bytes, reader_thread_room(r) == 0};
	bool is_news = now >= r->warn_at || (lag.is_full && !r->limit_warned);

	if (r->queue.count > 0 && is_news && watchdog_warn_of_lag(r->handle->watchdog, r->handle, &lag)) {
		r->warn_at = now + WARN_PAUSE;
		r->limit_warned = lag.is_full;
	}
}

static duty stop_at_limit(reader *r)
{
	if (r->options.stops) {
		r->awaits_room = true;
		return STOPPED;
	}
	r->end_reason = &failure_overflow;
	return GIVING_UP;
}

/* Takes a round of events from the daemon; drops them once the reader has an end_reason. */
static duty take(reader *r, duty present)
{
	bool drained, is_first = queue_length(&r->queue) == 0 && r->end_reason == NULL;
	size_t bytes = queue_length(&r->queue) + reader_thread_room(r);
	const failure *why =
		fetch_events(r->handle, r->end_reason == NULL ? &r->queue : NULL, FETCH_EVENTS, bytes, &drained);

	if (is_first) {
		r->oldest_since = clock_seconds() - r->options.after;
	}
	if (why != NULL) {
		reader_thread_lose(r, why);
		present = ENDED;
	} else if (r->end_reason == NULL) {
		warn(r);
		present = reader_thread_room(r) == 0 ? stop_at_limit(r) : TAKING;
	}
	if (is_first && (queue_length(&r->queue) > 0 || r->end_reason != NULL)) {
		thread_eventfd_set(r->loop_eventfd);
	}
	return present;
}

static bool other_has_dispatched(reader *r)
{
	bool has_dispatched = r->dispatches != r->dispatches_seen;

	r->dispatches_seen = r->dispatches;
	return has_dispatched;
}

static bool is_attended(reader *r)
{
	bool attended;

	(void)pthread_mutex_lock(&r->lock);
	attended = other_has_dispatched(r) && r->end_reason == NULL;
	(void)pthread_mutex_unlock(&r->lock);
	return attended;
}

/* False when the other thread has not dispatched. In steps, because it may have done so just before the wait. */
static bool stand_by(reader *r)
{
	double step = fmax(r->options.after / CHECKS, SHORTEST_STEP), waited;
	bool attended = false;

	for (waited = 0; waited < r->options.after && !attended; waited += step) {
		(void)poll_readable(NULL, r->reader_eventfd, false, step);
		attended = is_attended(r);
	}
	return attended;
}

/* Something waits at the daemon. */
static duty take_if_unattended(reader *r, duty present)
{
	if (is_attended(r)) {
		return STANDING_BY;
	}
	/* libqb's tables must not move while this thread uses them: the other one may open a handle now. */
	libqb_lock();
	(void)pthread_mutex_lock(&r->lock);
	present = other_has_dispatched(r) && r->end_reason == NULL ? STANDING_BY : take(r, present);
	(void)pthread_mutex_unlock(&r->lock);
	libqb_unlock();
	return present;
}

/* No more events have come, or none are taken. */
static duty check_lag(reader *r, duty present)
{
	(void)pthread_mutex_lock(&r->lock);
	if (present == STOPPED ? r->awaits_room : queue_length(&r->queue) > 0) {
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
	struct pollfd descriptors[] = {
		{.fd = r->reader_eventfd, .events = POLLIN}, {.fd = r->handle->events_fd, .events = POLLIN}};
	bool has_room = present != STOPPED;

	(void)poll(descriptors, has_room ? 2 : 1, longest_wait(r, present));
	if (descriptors[0].revents != 0) {
		thread_eventfd_clear(r->reader_eventfd);
	}
	return has_room && descriptors[1].revents != 0;
}

static bool is_stopping(const reader *r)
{
	return atomic_load(&r->stopping);
}

void *reader_thread_run(void *argument)
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
			present = take_if_unattended(r, present);
		} else if (!waits && (present == TAKING || present == STOPPED)) {
			present = check_lag(r, present);
		}
		if (present == GIVING_UP) {
			present = give_up(r);
		}
	}
	return NULL;
}
