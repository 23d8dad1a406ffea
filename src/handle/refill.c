#include "handle/refill.h"

#include "handle/connection.h"
#include "handle/fetch.h"
#include "handle/lag.h"
#include "handle/reader.h"
#include "support/clock.h"
#include "support/pid.h"
#include "support/poll.h"
#include "support/stack.h"

/***
@module corosync.events
*/

/* Senders may be faster than refill_all. */
#define MOST_ROUNDS 256

/* Under the reader's lock: takes events from the reader or the daemon. True when no more waited at the daemon. */
static bool take(handle *h, size_t events, size_t bytes)
{
	const failure *why = NULL;
	bool drained = false;

	if (queue_head(&h->queue) == NULL && reader_hand_over(h)) {
		lag_note(h, reader_handed_since(h->reader));
	} else if (h->state == HANDLE_OPEN) {
		why = fetch_events(h, reader_sink(h), events, bytes, &drained);
	}
	if (why != NULL) {
		reader_lose(h->reader, why);
		handle_lose(h, why);
	}
	return drained;
}

static bool refill_up_to(handle *h, size_t events, size_t bytes)
{
	bool drained;

	reader_lock(h->reader);
	drained = take(h, events, bytes);
	/* A caller that takes so many at a time comes back for more. */
	reader_unlock(h->reader, drained || events >= FETCH_EVENTS / 4);
	return drained || h->state != HANDLE_OPEN;
}

bool refill(handle *h, size_t events)
{
	return refill_up_to(h, events < FETCH_EVENTS ? events : FETCH_EVENTS, FETCH_BYTES);
}

/* A piece of a split message is not an event yet. */
bool refill_one(handle *h)
{
	bool drained = false;
	int i;

	for (i = 0; i < FETCH_EVENTS && !drained && queue_head(&h->queue) == NULL; i++) {
		drained = refill(h, 1);
	}
	return drained;
}

void refill_all(handle *h)
{
	int i;

	for (i = 0; i < MOST_ROUNDS && !refill_up_to(h, FETCH_EVENTS, SIZE_MAX); i++) {
	}
}

/* For a caller that handles no event meanwhile: takes no more than the reader's limit, where the reader then acts. */
static void refill_within_limit(handle *h)
{
	bool drained;

	reader_lock(h->reader);
	drained = take(h, FETCH_EVENTS, reader_bound(h));
	reader_note_queued(h);
	reader_unlock(h->reader, drained || reader_has_room(h));
	lag_note(h, clock_seconds());
}

/* Readable when fetch has something to do; -1, on which poll only times out, when there is no room. */
static int fetched_descriptor(handle *h)
{
	bool has_room;

	reader_lock(h->reader);
	has_room = reader_has_room(h);
	reader_unlock(h->reader, false);
	/* While events are queued, the reader keeps its later ones. */
	return !has_room ? -1 : queue_head(&h->queue) != NULL ? h->loop_fd : connection_descriptor(h);
}

/***
Moves events that wait at the daemon into this handle's queue without calling handlers: for code that must wait inside a
handler. With a reader it takes no more than the reader's limit allows.
@function handle:fetch
@tparam[opt=0] number seconds the longest wait for an event from the daemon, whether or not events are queued; while
some are, events that a reader takes meanwhile do not end the wait
@treturn boolean whether events are now queued
@error nil, message, code: "not_connected", "closed", "wrong_process", "dispatching", "no_stack"
*/
static int method_fetch(lua_State *L)
{
	handle *h = handle_check(L);
	double seconds = (double)luaL_optnumber(L, 2, 0);
	const failure *why = h->busy == HANDLE_CONVERTING ? &FAILURE_DISPATCHING : handle_unusable(h);

	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	why = why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
	if (why != NULL) {
		return handle_fail(L, h, "fetch from", why);
	}
	handle_flush(h);
	(void)poll_readable(L, fetched_descriptor(h), false, seconds);
	/* A hook may have closed the handle meanwhile, or forked: the parent handles these events. */
	if (h->owner != pid_get()) {
		return handle_fail(L, h, "fetch from", &FAILURE_WRONG_PROCESS);
	}
	if (h->state == HANDLE_OPEN) {
		refill_within_limit(h);
	}
	lua_pushboolean(L, queue_head(&h->queue) != NULL);
	return 1;
}

const luaL_Reg refill_methods[] = {
	{"fetch", method_fetch},
	{NULL, NULL},
};
