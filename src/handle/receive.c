#include "handle/methods.h"

#include "handle/delivery.h"
#include "handle/fetch.h"
#include "handle/lag.h"
#include "handle/refill.h"

/***
@module corosync.events
*/

typedef struct receive_call {
	handle *handle;
	size_t bytes; /* of events that may be gathered; 0 for none */
	size_t taken; /* events that were converted */
} receive_call;

/* Stack of `convert`: its arguments and its results. */
enum { CONVERT_CALL = 1, CONVERT_VALUES, CONVERT_NAME };

/*
 * Pushes the name and values of the oldest event that still has a receiver, or of several, or nothing. They stay
 * queued.
 */
static int convert(lua_State *L)
{
	receive_call *call = lua_touserdata(L, CONVERT_CALL);
	handle *h = call->handle;
	const event *ev;

	for (ev = queue_head(&h->queue); ev != NULL; ev = queue_head(&h->queue)) {
		const event_kind *kind = delivery_kind_of(h, ev);
		int count;

		call->taken = call->bytes > 0 ? h->class->gather(L, h, call->bytes) : 0;
		if (call->taken > 0) {
			return 3;
		}
		count = kind->push(L, h, ev, CONVERT_VALUES);
		if (count != EVENT_DROPPED) {
			call->taken = 1;
			lua_pushstring(L, kind->name);
			/* Instead of the handler, where push has pushed it. */
			if (kind->handler == NULL) {
				lua_replace(L, CONVERT_NAME);
				return count;
			}
			lua_insert(L, CONVERT_NAME);
			return 1 + count;
		}
		delivery_take(h);
	}
	return 0;
}

/* Events that may be gathered are also fetched together. Returns whether no more wait at the daemon. */
static bool refill_run(const receive_call *call)
{
	handle *h = call->handle;

	if (call->bytes > 0 && queue_head(&h->queue) == NULL) {
		(void)refill(h, FETCH_EVENTS);
	}
	return refill_one(h);
}

/* After events were converted, or an error has left them in the queue. Returns receive's results. */
static int finish_receive(lua_State *L, const receive_call *call, int status)
{
	size_t i;

	/* Not earlier: during the call the collector may have raised a finalizer's error. */
	for (i = 0; status == 0 && i < call->taken; i++) {
		delivery_take(call->handle);
	}
	delivery_end(call->handle, false);
	return status == 0 ? lua_gettop(L) - 1 : lua_error(L);
}

/* With the handle at index 1. `bytes`: of events that may be gathered. */
static int receive(lua_State *L, handle *h, size_t bytes)
{
	receive_call call = {.handle = h, .bytes = bytes};
	const failure *why;
	bool drained;

	/* Whatever may run the collector comes before the look at the queue: a finalizer may empty it. */
	lua_settop(L, 1);
	delivery_push_kept(L, KEPT_CONVERT);
	lua_pushlightuserdata(L, &call);
	compat_getuservalue(L, 1);
	why = delivery_refusal(h);
	if (why != NULL) {
		return handle_fail(L, h, "receive from", why);
	}
	/* Without a reader, the caller of receive has not asked for this event. */
	if (h->reader != NULL) {
		lag_queue_event(h);
	}
	if (queue_head(&h->queue) == NULL) {
		handle_flush(h);
	}
	drained = refill_run(&call);
	if (queue_head(&h->queue) == NULL) {
		delivery_end(h, drained);
		return h->state == HANDLE_LOST ? handle_fail(L, h, "receive from", h->reason) : 0;
	}
	h->busy = HANDLE_CONVERTING;
	return finish_receive(L, &call, lua_pcall(L, 2, LUA_MULTRET, 0));
}

/***
Returns the oldest waiting event, or nothing, without blocking: for coroutines, whose handlers may yield.
@function handle:receive
@treturn[1] string the event's name: of cpg "message", "config" or "ring", with a reader "lagged", and with `pack`
"error" for members that send no frames; of cmap "change"; of quorum "quorum" or
"nodelist"; of votequorum "quorum", "nodelist" or "expected_votes"; of cfg "shutdown"
@treturn[1] any ... the arguments of the event's handler
@treturn[2] nil nothing when no event waits
@error nil, message, code, as for dispatch
*/
static int method_receive(lua_State *L)
{
	return receive(L, handle_check(L), 0);
}

int receive_method_receive_run(lua_State *L)
{
	handle *h = handle_check(L);
	lua_Integer bytes = luaL_checkinteger(L, 2);

	luaL_argcheck(L, bytes > 0 && h->class->gather != NULL, 2, "no run of events is possible");
	return receive(L, h, (size_t)bytes);
}

void receive_keep(lua_State *L)
{
	lua_pushcfunction(L, convert);
	lua_rawseti(L, -2, KEPT_CONVERT);
}

const luaL_Reg receive_methods[] = {
	{"receive", method_receive},
	{NULL, NULL},
};
