#include "handle/dispatch.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include "handle/fetch.h"
#include "support/clock.h"
#include "handle/lag.h"
#include "support/pid.h"
#include "handle/reader.h"
#include "support/stack.h"
#include "handle/wait.h"

/***
How events reach a script: methods that the handles of all of Corosync's libraries share.

__Stack.__ Corosync's libraries put a buffer of 1 MiB on the stack of the thread that dispatches: a thread that calls
`dispatch`, `receive` or `fetch`, of a handle or through a group or a loop, needs 2 MiB of stack. With glibc a program's
threads have 8 MiB, where neither `pthread_attr_setstacksize` nor `ulimit -s` say otherwise. With less than 1152 KiB left
these methods answer "no_stack" and have done nothing. Coroutines need no more, since they run on the stack of their
thread. Of a stack that a program has made itself, for a fiber, nothing is known: give it 2 MiB as well.
@module corosync.events
*/

#define DEFAULT_BUDGET 1000

/* In the metatable's array. */
enum { KEPT_DELIVER = 1, KEPT_TRACEBACK, KEPT_ERROR, KEPT_SERVICE, KEPT_CONVERT };

/* In a method: pushes what dispatch_keep has put there. [-0, +1, -] */
static void push_kept(lua_State *L, int which)
{
	lua_rawgeti(L, lua_upvalueindex(UPVALUE_METATABLE), which);
}

/* ---- from Corosync into the queue ---- */

/* Under the reader's lock: queues what waits, with the reader or at the daemon. True when nothing more waited. */
static bool take_in(handle *h, size_t events, size_t bytes)
{
	const failure *why = NULL;
	bool drained = false;

	if ((queue_head(&h->queue) != NULL || !reader_hand_over(h)) && h->state == HANDLE_OPEN) {
		why = fetch_events(h, reader_sink(h), events, bytes, &drained);
	}
	if (why != NULL) {
		reader_lose(h->reader, why);
		handle_lose(h, why);
	}
	return drained;
}

/* For who handles it next. */
static bool fetch(handle *h, size_t events, size_t bytes)
{
	bool drained;

	reader_lock(h->reader);
	drained = take_in(h, events, bytes);
	/* Who asks for so many at a time comes back for more. */
	reader_unlock(h->reader, drained || events >= FETCH_EVENTS / 4);
	return drained || h->state != HANDLE_OPEN;
}

/* Senders may be faster than this. */
#define MOST_FETCHES 256

void dispatch_fetch_all(handle *h)
{
	int i;

	for (i = 0; i < MOST_FETCHES && !fetch(h, FETCH_EVENTS, SIZE_MAX); i++) {
	}
}

/* For who handles nothing meanwhile: at the reader's limit it takes no more, and the reader does what that asks for. */
static void fetch_within_limit(handle *h)
{
	bool drained;

	reader_lock(h->reader);
	drained = take_in(h, FETCH_EVENTS, reader_bound(h));
	reader_note_waiting(h);
	reader_unlock(h->reader, drained || reader_has_room(h));
	lag_note(h, clock_seconds());
}

/* Queues one event if none is. A piece of a split message is not one yet. True when nothing more waited. */
static bool fetch_one(handle *h)
{
	bool drained = false;
	int i;

	for (i = 0; i < FETCH_EVENTS && !drained && queue_head(&h->queue) == NULL; i++) {
		drained = fetch(h, 1, FETCH_BYTES);
	}
	return drained;
}

/* ---- from the queue into Lua ---- */

/* The kind of an event. */
static const event_kind *kind_of(const handle *h, const event *ev)
{
	return &h->class->kinds[ev->kind];
}

/* Takes the oldest event off the queue, once its values are all made. */
static void take(handle *h)
{
	const event *ev = queue_head(&h->queue);

	if (kind_of(h, ev)->is_own) {
		atomic_fetch_sub_explicit(&h->own, ev->size, memory_order_relaxed);
	}
	lag_pass(h);
	queue_pop(&h->queue);
	reader_note_waiting(h);
}

typedef struct delivery {
	handle *handle;
	lua_Integer budget, handled;
	bool drained; /* nothing waited at the daemon when last asked */
} delivery;

/* The event to deliver next, which is the queue's oldest, or NULL. */
static const event *next_event(delivery *d)
{
	handle *h = d->handle;

	/* A handler may close, stop, or come back as its fork, whose parent goes on with these very events. */
	if (h->state == HANDLE_CLOSED || h->stop || d->handled >= d->budget || h->owner != pid_get()) {
		return NULL;
	}
	if (queue_head(&h->queue) == NULL && !d->drained) {
		lua_Integer left = d->budget - d->handled;
		d->drained = fetch(h, left < FETCH_EVENTS ? (size_t)left : FETCH_EVENTS, FETCH_BYTES);
	}
	return queue_head(&h->queue);
}

/* Puts the handler of an event under its values, on top of the stack, if a field has it. [-0, +1|0, e] */
static void insert_handler(lua_State *L, const event_kind *kind, int count)
{
	if (kind->handler != NULL) {
		lua_getfield(L, 3, kind->handler);
		lua_insert(L, -1 - count);
	}
}

/* Calls the handler of an event on top of the stack with its values, if there is one. [-n, +0, e] */
static void call_handler(lua_State *L, handle *h, const event_kind *kind)
{
	bool answers = kind->answered != NULL;

	/* A finalizer may have closed the handle meanwhile. */
	if (lua_isnil(L, 4) || h->state == HANDLE_CLOSED) {
		return;
	}
	lua_call(L, lua_gettop(L) - 4, answers ? 1 : 0);
	if (answers) {
		kind->answered(L, h);
	}
}

/*
 * Calls handlers until the budget is used or nothing waits; a handler's error ends it, to be called again. Runs
 * under lua_pcall: one for many events, since each costs. Arguments: the delivery, the user value, the handlers.
 */
static int deliver(lua_State *L)
{
	delivery *d = lua_touserdata(L, 1);
	const event_kind *kind;
	const event *ev;
	int count;

	luaL_checkstack(L, LUA_MINSTACK, NULL);
	for (ev = next_event(d); ev != NULL; ev = next_event(d)) {
		kind = kind_of(d->handle, ev);
		d->handle->busy = HANDLE_CONVERTING;
		count = kind->push(L, d->handle, ev, 2);
		take(d->handle);
		d->handle->busy = HANDLE_DELIVERING;
		d->handled++;
		if (count != EVENT_DROPPED) {
			insert_handler(L, kind, count);
			call_handler(L, d->handle, kind);
		}
		lua_settop(L, 3);
	}
	return 0;
}

/* Arguments: the message, the handlers, the service's name. */
static int call_error_handler(lua_State *L)
{
	lua_getfield(L, 2, "error");
	if (lua_isnil(L, -1)) {
		(void)fprintf(stderr, "corosync: error in a handler of %s: %s\n", lua_tostring(L, 3), lua_tostring(L, 1));
		return 0;
	}
	lua_pushvalue(L, 1);
	lua_call(L, 1, 0);
	return 0;
}

/* Leaves the state in which the next call finds the handle usable. */
static void end_delivery(handle *h, bool drained)
{
	h->busy = HANDLE_IDLE;
	h->stop = false;
	if (h->state == HANDLE_CLOSED) {
		queue_free(&h->queue);
	} else if (drained) {
		queue_trim(&h->queue);
	}
}

static bool more_waits(const delivery *d)
{
	const handle *h = d->handle;
	struct pollfd descriptor = {.fd = handle_descriptor(h), .events = POLLIN};

	if (h->state == HANDLE_CLOSED) {
		return false;
	}
	if (queue_head(&h->queue) != NULL || h->state == HANDLE_LOST) {
		return true;
	}
	return !d->drained && poll(&descriptor, 1, 0) > 0;
}

static const failure *undispatchable(const handle *h)
{
	const failure *why = handle_exhausted(h);

	if (why == NULL && h->busy != HANDLE_IDLE) {
		return &FAILURE_DISPATCHING;
	}
	return why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
}

/* Stack of a dispatch. Once a delivery has begun, nothing may need allocating. */
enum { AT_SELF = 1, AT_VALUES, AT_HANDLERS, AT_TRACEBACK };

static void push_dispatch_stack(lua_State *L)
{
	lua_settop(L, AT_SELF);
	compat_getuservalue(L, AT_SELF);
	lua_rawgeti(L, AT_VALUES, VALUE_HANDLERS);
	push_kept(L, KEPT_TRACEBACK);
}

/* Gives the error message on top of the stack to the error handler, or to stderr. [-1, +0, -] */
static void report(lua_State *L)
{
	int message = lua_gettop(L);

	push_kept(L, KEPT_ERROR);
	lua_pushvalue(L, message);
	lua_pushvalue(L, AT_HANDLERS);
	push_kept(L, KEPT_SERVICE);
	if (lua_pcall(L, 3, 0, 0) != 0) {
		const char *second = lua_tostring(L, -1);
		(void)fprintf(stderr, "corosync: error in the error handler: %s, after: %s\n",
			second == NULL ? "(no message)" : second, lua_tostring(L, message));
	}
	lua_settop(L, message - 1);
}

/* Any number will do, math.huge too: the most events that one call can handle anyway is far below the limit here. */
static lua_Integer check_budget(lua_State *L, int index)
{
	lua_Number budget = luaL_optnumber(L, index, DEFAULT_BUDGET);

	luaL_argcheck(L, budget >= 0, index, "budget must not be negative");
	return budget >= INT_MAX ? INT_MAX : (lua_Integer)budget;
}

/* Delivers through handlers until the budget is used or nothing waits, past handlers that raise. */
static void deliver_all(lua_State *L, delivery *d)
{
	handle *h = d->handle;
	lua_Integer before;
	int status;

	h->busy = HANDLE_DELIVERING;
	do {
		before = d->handled;
		push_kept(L, KEPT_DELIVER);
		lua_pushlightuserdata(L, d);
		lua_pushvalue(L, AT_VALUES);
		lua_pushvalue(L, AT_HANDLERS);
		status = lua_pcall(L, 3, 0, AT_TRACEBACK);
		if (status != 0 && (d->handled == before || h->busy == HANDLE_CONVERTING)) {
			/* Not a handler's error but Lua's, of memory or stack: the event stays queued, and the caller learns of it. */
			end_delivery(h, false);
			(void)lua_error(L);
		}
		if (status != 0) {
			report(L);
		}
	} while (status != 0);
	end_delivery(h, d->drained && queue_head(&h->queue) == NULL);
}

/***
Calls the handlers of the events that wait, at most `budget` of them, and never blocks for more.
A handler that raises stops nothing: its error goes to the `error` handler, and the next event is delivered.
Called inside a handler of the same handle it answers "dispatching", since the order of events must hold.
Stands on `cpg_dispatch` (and its like in the other libraries) with CS_DISPATCH_ONE_NONBLOCKING.
@function handle:dispatch
@tparam[opt=1000] integer budget the most events to handle
@treturn integer how many events were handled
@treturn boolean whether more wait
@error nil, message, code: "dispatching", "not_connected" (after all that had arrived was handled), "closed",
"wrong_process", "no_memory", "overflow" (its reader has left the group), "no_stack" (this thread has not the stack that it
takes, see above)
*/
static int method_dispatch(lua_State *L)
{
	handle *h = handle_check_shared(L);
	delivery d = {.handle = h, .budget = check_budget(L, 2)};
	const failure *why;

	why = undispatchable(h);
	if (why != NULL) {
		return handle_fail(L, h, "dispatch", why);
	}
	lag_tell(h);
	push_dispatch_stack(L);
	deliver_all(L, &d);
	if (h->owner != pid_get()) {
		return handle_fail(L, h, "dispatch", &FAILURE_WRONG_PROCESS);
	}
	if (d.handled == 0 && h->state == HANDLE_LOST && handle_exhausted(h) != NULL) {
		return handle_fail(L, h, "dispatch", h->reason);
	}
	lua_pushinteger(L, d.handled);
	lua_pushboolean(L, more_waits(&d));
	return 2;
}

/*
 * Pushes the name and values of the oldest event that somebody waits for, which stays in the queue, or nothing.
 * Arguments: the handle as light userdata, the user value.
 */
static int convert_one(lua_State *L)
{
	handle *h = lua_touserdata(L, 1);
	const event *ev;

	for (ev = queue_head(&h->queue); ev != NULL; ev = queue_head(&h->queue)) {
		const event_kind *kind = kind_of(h, ev);
		int count = kind->push(L, h, ev, 2);
		if (count != EVENT_DROPPED) {
			lua_pushstring(L, kind->name);
			if (kind->handler == NULL) {
				lua_replace(L, 3);
				return count;
			}
			lua_insert(L, 3);
			return 1 + count;
		}
		take(h);
	}
	return 0;
}

/***
Takes the oldest event that waits, or nothing, without blocking: for coroutines, whose handlers may yield.
@function handle:receive
@treturn[1] string the event's name: of cpg "message", "config" or "ring", and with a reader "lagged"; of cmap "change"; of quorum "quorum" or
"nodelist"; of votequorum "quorum", "nodelist" or "expected_votes"; of cfg "shutdown"
@treturn[1] any ... the values that the event's handler would be called with
@treturn[2] nil nothing when no event waits
@error nil, message, code, as for dispatch
*/
static int method_receive(lua_State *L)
{
	handle *h = handle_check_shared(L);
	const failure *why;
	bool drained;
	int status;

	/* All that may run the collector comes before the look at the queue: a finalizer may empty it. */
	lua_settop(L, 1);
	push_kept(L, KEPT_CONVERT);
	lua_pushlightuserdata(L, h);
	compat_getuservalue(L, 1);
	why = undispatchable(h);
	if (why != NULL) {
		return handle_fail(L, h, "receive from", why);
	}
	/* Without a reader, nobody who receives has asked for it. */
	if (h->reader != NULL) {
		lag_tell(h);
	}
	drained = fetch_one(h);
	if (queue_head(&h->queue) == NULL) {
		end_delivery(h, drained);
		return h->state == HANDLE_LOST ? handle_fail(L, h, "receive from", h->reason) : 0;
	}
	h->busy = HANDLE_CONVERTING;
	status = lua_pcall(L, 2, LUA_MULTRET, 0);
	/* Only now: until the call is over, the collector may have raised an error of a finalizer's. */
	if (status == 0 && lua_gettop(L) > 1) {
		take(h);
	}
	end_delivery(h, false);
	return status == 0 ? lua_gettop(L) - 1 : lua_error(L);
}

/* Readable when fetch has something to do; -1, which poll waits for in vain, when there is no room. */
static int fetched_descriptor(handle *h)
{
	bool has_room;

	reader_lock(h->reader);
	has_room = reader_has_room(h);
	reader_unlock(h->reader, false);
	/* While something is queued, what the reader holds stays there, for its turn. */
	return !has_room ? -1 : queue_head(&h->queue) != NULL ? h->awaited : handle_descriptor(h);
}

/***
Moves what waits at the daemon into this handle's queue and calls no handler: for whoever must wait inside one. With a
reader it takes no more than its limit allows.
@function handle:fetch
@tparam[opt=0] number seconds the longest to wait for something to come from the daemon, whether or not events are
queued; while some are, what a reader takes meanwhile is not noticed
@treturn boolean whether events are now queued
@error nil, message, code: "not_connected", "closed", "wrong_process", "dispatching", "no_stack"
*/
static int method_fetch(lua_State *L)
{
	handle *h = handle_check_shared(L);
	double seconds = (double)luaL_optnumber(L, 2, 0);
	const failure *why = h->busy == HANDLE_CONVERTING ? &FAILURE_DISPATCHING : handle_unusable(h);

	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	why = why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
	if (why != NULL) {
		return handle_fail(L, h, "fetch from", why);
	}
	(void)poll_readable(L, fetched_descriptor(h), false, seconds);
	/* A hook may have closed it meanwhile, or have come back as a fork, whose parent goes on with what is there. */
	if (h->owner != pid_get()) {
		return handle_fail(L, h, "fetch from", &FAILURE_WRONG_PROCESS);
	}
	if (h->state == HANDLE_OPEN) {
		fetch_within_limit(h);
	}
	lua_pushboolean(L, queue_head(&h->queue) != NULL);
	return 1;
}

/***
Ends the running dispatch after the handler that calls this; without one it does nothing.
@function handle:stop
*/
static int method_stop(lua_State *L)
{
	handle *h = handle_check_shared(L);

	h->stop = h->busy != HANDLE_IDLE;
	return 0;
}

void dispatch_keep(lua_State *L, const handle_class *class)
{
	lua_pushcfunction(L, deliver);
	lua_rawseti(L, -2, KEPT_DELIVER);
	lua_pushcfunction(L, compat_traceback);
	lua_rawseti(L, -2, KEPT_TRACEBACK);
	lua_pushcfunction(L, call_error_handler);
	lua_rawseti(L, -2, KEPT_ERROR);
	lua_pushstring(L, class->service);
	lua_rawseti(L, -2, KEPT_SERVICE);
	lua_pushcfunction(L, convert_one);
	lua_rawseti(L, -2, KEPT_CONVERT);
}

const luaL_Reg dispatch_methods[] = {
	{"dispatch", method_dispatch},
	{"fetch", method_fetch},
	{"receive", method_receive},
	{"stop", method_stop},
	{NULL, NULL},
};
