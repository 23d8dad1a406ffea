/* From the queue into Lua: what dispatch and receive share. Inline, because it runs for each event. */
#ifndef COROSYNC_LUA_HANDLE_DELIVERY_H
#define COROSYNC_LUA_HANDLE_DELIVERY_H

#include "handle/connection.h"
#include "handle/handle.h"
#include "handle/lag.h"
#include "handle/reader.h"
#include "support/stack.h"

/* Values in the metatable's array: functions and strings that a dispatch or receive pushes without allocating. */
enum { KEPT_DELIVER = 1, KEPT_TRACEBACK, KEPT_ERROR, KEPT_SERVICE, KEPT_CONVERT };

/* In a method: pushes such a value. [-0, +1, -] */
static inline void delivery_push_kept(lua_State *L, int index)
{
	lua_rawgeti(L, lua_upvalueindex(UPVALUE_METATABLE), index);
}

static inline const event_kind *delivery_kind_of(const handle *h, const event *ev)
{
	return &h->class->kinds[ev->kind];
}

/* Takes the oldest event off the queue, after it has become Lua values. */
static inline void delivery_take(handle *h)
{
	const event *ev = queue_oldest(&h->queue);

	if (delivery_kind_of(h, ev)->is_own) {
		atomic_fetch_sub_explicit(&h->own_waiting_bytes, ev->size, memory_order_relaxed);
	}
	lag_pass(h);
	queue_pop(&h->queue);
	reader_note_queued(h);
}

/* NULL if events may be delivered now, else why not. */
static inline const failure *delivery_refusal(const handle *h)
{
	const failure *why = connection_exhausted(h);

	if (why == NULL && h->busy != HANDLE_IDLE) {
		return &FAILURE_DISPATCHING;
	}
	return why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
}

/* Ends a dispatch or receive: the next call finds the handle usable. `drained`: no event waits anywhere. */
static inline void delivery_end(handle *h, bool drained)
{
	h->busy = HANDLE_IDLE;
	h->stop = false;
	if (h->state == HANDLE_CLOSED) {
		queue_free(&h->queue);
	} else if (drained) {
		queue_trim(&h->queue);
	}
}

#endif
