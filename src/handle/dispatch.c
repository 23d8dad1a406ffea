#include "handle/methods.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include "handle/connection.h"
#include "handle/delivery.h"
#include "handle/lag.h"
#include "handle/refill.h"
#include "support/pid.h"

/***
Handling events: methods that the handles of all Corosync libraries share.

__Stack.__ Corosync's libraries put a buffer of 1 MiB on the stack of the thread that dispatches. A thread that calls
`dispatch`, `receive` or `fetch`, of a handle or through a group or a loop, needs 2 MiB of stack. With glibc a program's
threads have 8 MiB, unless `pthread_attr_setstacksize` or `ulimit -s` set another size. With less than 1152 KiB left
these methods fail with "no_stack" and do nothing. Coroutines need no more, because they run on their thread's stack.
The size of a stack that a program has made itself, as for a fiber, cannot be checked: give it 2 MiB as well.
@module corosync.events
*/

#define DEFAULT_BUDGET 1000

typedef struct dispatch_call {
	handle *handle;
	lua_Integer budget, handled;
	bool drained; /* no event waited at the daemon after the last fetch */
} dispatch_call;

/* The event to deliver next, the queue's oldest, or NULL. */
static const event *next_event(dispatch_call *call)
{
	handle *h = call->handle;

	/* A handler may close, stop, or fork: the parent handles these events. */
	if (h->state == HANDLE_CLOSED || h->stop || call->handled >= call->budget || h->owner != pid_get()) {
		return NULL;
	}
	if (queue_head(&h->queue) == NULL && !call->drained) {
		call->drained = refill(h, (size_t)(call->budget - call->handled));
	}
	/* Before each event: the handler of the last one may have been slow. */
	lag_queue_event(h);
	return queue_head(&h->queue);
}

/* Stack of `deliver`: its arguments, and for each event the handler and its arguments. */
enum { DELIVER_CALL = 1, DELIVER_VALUES, DELIVER_HANDLERS, DELIVER_HANDLER };

/* Puts the handler of an event under its values, unless push has done so. [-0, +1|0, e] */
static void insert_handler(lua_State *L, const event_kind *kind, int count)
{
	if (kind->handler != NULL) {
		lua_getfield(L, DELIVER_HANDLERS, kind->handler);
		lua_insert(L, -1 - count);
	}
}

/* Calls the handler of an event on top of the stack with its values, if there is one. [-n, +0, e] */
static void call_handler(lua_State *L, handle *h, const event_kind *kind)
{
	bool has_result = kind->on_result != NULL, has_handler = !lua_isnil(L, DELIVER_HANDLER);

	if (kind->is_report && !has_handler) {
		(void)fprintf(stderr, "corosync: %s\n", lua_tostring(L, DELIVER_HANDLER + 1));
	}
	/* A finalizer may have closed the handle meanwhile. */
	if (!has_handler || h->state == HANDLE_CLOSED) {
		return;
	}
	lua_call(L, lua_gettop(L) - DELIVER_HANDLER, has_result ? 1 : 0);
	if (has_result) {
		kind->on_result(L, h);
	}
}

/*
 * Calls handlers until the budget is used up or no event waits. A handler's error ends it; the caller then calls it
 * again. Runs under one lua_pcall for many events, because each lua_pcall costs.
 */
static int deliver(lua_State *L)
{
	dispatch_call *call = lua_touserdata(L, DELIVER_CALL);
	const event_kind *kind;
	const event *ev;
	int count;

	luaL_checkstack(L, LUA_MINSTACK, NULL);
	for (ev = next_event(call); ev != NULL; ev = next_event(call)) {
		kind = delivery_kind_of(call->handle, ev);
		call->handle->busy = HANDLE_CONVERTING;
		count = kind->push(L, call->handle, ev, DELIVER_VALUES);
		delivery_take(call->handle);
		call->handle->busy = HANDLE_DELIVERING;
		call->handled++;
		if (count != EVENT_DROPPED) {
			insert_handler(L, kind, count);
			call_handler(L, call->handle, kind);
		}
		lua_settop(L, DELIVER_HANDLERS);
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

static bool more_waits(const dispatch_call *call)
{
	const handle *h = call->handle;
	struct pollfd descriptor = {.fd = connection_descriptor(h), .events = POLLIN};

	if (h->state == HANDLE_CLOSED) {
		return false;
	}
	if (queue_head(&h->queue) != NULL || h->state == HANDLE_LOST) {
		return true;
	}
	return !call->drained && poll(&descriptor, 1, 0) > 0;
}

/* Stack of `method_dispatch`. After the first event nothing may be allocated. */
enum { AT_SELF = 1, AT_VALUES, AT_HANDLERS, AT_TRACEBACK };

static void push_dispatch_stack(lua_State *L)
{
	lua_settop(L, AT_SELF);
	compat_getuservalue(L, AT_SELF);
	lua_rawgeti(L, AT_VALUES, VALUE_HANDLERS);
	delivery_push_kept(L, KEPT_TRACEBACK);
}

/* Gives the error message on top of the stack to the error handler, or to stderr. [-1, +0, -] */
static void report(lua_State *L)
{
	int message = lua_gettop(L);

	delivery_push_kept(L, KEPT_ERROR);
	lua_pushvalue(L, message);
	lua_pushvalue(L, AT_HANDLERS);
	delivery_push_kept(L, KEPT_SERVICE);
	if (lua_pcall(L, 3, 0, 0) != 0) {
		/* Making a string of a number may raise, and the handle would stay busy. */
		const char *second = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "(no message)";
		(void)fprintf(
			stderr, "corosync: error in the error handler: %s, after: %s\n", second, lua_tostring(L, message));
	}
	lua_settop(L, message - 1);
}

/* Any number is valid, also math.huge: no call handles INT_MAX events. */
static lua_Integer check_budget(lua_State *L, int index)
{
	lua_Number budget = luaL_optnumber(L, index, DEFAULT_BUDGET);

	luaL_argcheck(L, budget >= 0, index, "budget must not be negative");
	return budget >= INT_MAX ? INT_MAX : (lua_Integer)budget;
}

/* Calls handlers until the budget is used up or no event waits, and goes on after handlers that raise. */
static void deliver_all(lua_State *L, dispatch_call *call)
{
	handle *h = call->handle;
	lua_Integer before;
	int status;

	h->busy = HANDLE_DELIVERING;
	do {
		before = call->handled;
		delivery_push_kept(L, KEPT_DELIVER);
		lua_pushlightuserdata(L, call);
		lua_pushvalue(L, AT_VALUES);
		lua_pushvalue(L, AT_HANDLERS);
		status = lua_pcall(L, 3, 0, AT_TRACEBACK);
		if (status != 0 && (call->handled == before || h->busy == HANDLE_CONVERTING)) {
			/* Lua's own error, of memory or stack: the event stays queued, and the caller gets the error. */
			delivery_end(h, false);
			(void)lua_error(L);
		}
		if (status != 0) {
			report(L);
		}
	} while (status != 0);
	delivery_end(h, call->drained && queue_head(&h->queue) == NULL);
}

/***
Calls the handlers of at most `budget` waiting events, and never waits for more.
After a handler that raises, its error goes to the `error` handler, and the next event is delivered.
Called inside a handler of the same handle it fails with "dispatching", because it would change the order of events.
Calls `cpg_dispatch` (and the like in the other libraries) with CS_DISPATCH_ONE_NONBLOCKING.
@function handle:dispatch
@tparam[opt=1000] integer budget the most events to handle
@treturn integer the number of events handled
@treturn boolean whether more wait
@error nil, message, code: "dispatching", "not_connected" (after all events that had arrived were handled), "closed",
"wrong_process", "no_memory", "overflow" (its reader has left the group), "no_stack" (this thread's stack is too small,
see above)
*/
static int method_dispatch(lua_State *L)
{
	handle *h = handle_check(L);
	dispatch_call call = {.handle = h, .budget = check_budget(L, 2)};
	const failure *why;

	why = delivery_refusal(h);
	if (why != NULL) {
		return handle_fail(L, h, "dispatch", why);
	}
	push_dispatch_stack(L);
	deliver_all(L, &call);
	if (h->owner != pid_get()) {
		return handle_fail(L, h, "dispatch", &FAILURE_WRONG_PROCESS);
	}
	handle_flush(h);
	if (call.handled == 0 && h->state == HANDLE_LOST && connection_exhausted(h) != NULL) {
		return handle_fail(L, h, "dispatch", h->reason);
	}
	lua_pushinteger(L, call.handled);
	lua_pushboolean(L, more_waits(&call));
	return 2;
}

/***
Ends the running dispatch after the handler that calls this; outside of a handler it does nothing.
@function handle:stop
*/
static int method_stop(lua_State *L)
{
	handle *h = handle_check(L);

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
}

const luaL_Reg dispatch_methods[] = {
	{"dispatch", method_dispatch},
	{"stop", method_stop},
	{NULL, NULL},
};
