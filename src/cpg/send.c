#include "cpg/send.h"

#include <limits.h>

#include "handle/call.h"
#include "cpg/event.h"
#include "cpg/iovec.h"
#include "handle/reader.h"

/***
@module corosync.cpg
*/

static const failure failure_window = {"try_again",
	"as many of this handle's messages as its window allows, or as many of their bytes as may wait, have not come "
	"back: "
	"dispatch or fetch, and try again"};
static const failure failure_datagram = {"too_big",
	"with 'qb_ipc_type: socket' a message must fit in a datagram, and this one does not: raise net.core.wmem_max, and "
	"restart Corosync and this program"};
static const failure failure_backlog = {"backlog",
	"as many bytes of its own messages as may, a quarter of the reader's limit (of 64 MiB without a reader), wait to "
	"be "
	"handled: handle events (dispatch, receive, or return from the handler that sends), and then send again"};

/* A message's length travels as 32 bits, and libqb counts in int. */
#define LONGEST_SPLIT ((size_t)INT_MAX - 1024 * 1024)

/* ---- the window ---- */

/* Whether so many bytes more are too many; the first message is not, whatever its size. */
static bool is_beyond(const cpg *c, size_t waiting, size_t size)
{
	return waiting > 0 && waiting + size > reader_own_bound(c->handle.reader);
}

/* NULL when it is counted: before the send, since the reader may see it come back before that returns. */
static const failure *enter_window(cpg *c, size_t size)
{
	size_t waiting = atomic_load_explicit(&c->handle.own, memory_order_relaxed);
	size_t flying = atomic_load_explicit(&c->flying, memory_order_relaxed);

	if (is_beyond(c, waiting, size)) {
		return &failure_backlog;
	}
	if (atomic_load_explicit(&c->in_flight, memory_order_relaxed) >= c->window ||
		is_beyond(c, waiting + flying, size)) {
		return &failure_window;
	}
	atomic_fetch_add_explicit(&c->in_flight, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->flying, size, memory_order_relaxed);
	return NULL;
}

/* Not below nothing: the window would be closed for ever. */
static void subtract(atomic_size_t *from, size_t amount)
{
	size_t count = atomic_load_explicit(from, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		from, &count, count < amount ? 0 : count - amount, memory_order_relaxed, memory_order_relaxed)) {
	}
}

/* The reader's thread does so, too. */
static void leave_window(cpg *c, size_t size)
{
	subtract(&c->in_flight, 1);
	subtract(&c->flying, size);
}

void cpg_send_came_back(cpg *c, size_t size, bool queued)
{
	if (queued) {
		atomic_fetch_add_explicit(&c->handle.own, size, memory_order_relaxed);
	}
	leave_window(c, size);
}

/* ---- the method ---- */

static cpg_guarantee_t check_guarantee(lua_State *L, int index)
{
	static const char *const names[] = {"agreed", "fifo", NULL};
	static const cpg_guarantee_t guarantees[] = {CPG_TYPE_AGREED, CPG_TYPE_FIFO};

	if (lua_isnoneornil(L, index)) {
		return CPG_TYPE_AGREED;
	}
	return guarantees[compat_checkoption(L, index, "agreed", names)];
}

static cs_error_t send_parts(cpg *c, cpg_guarantee_t guarantee, const cpg_parts *p)
{
	cs_error_t error = cpg_mcast_joined(c->handle.id, guarantee, p->vector, p->count);

	/* libcpg answers uninitialized bytes for a split message when the daemon has gone. */
	return p->length > c->limit ? handle_verify(&c->handle, error) : error;
}

/* Between call_begin and call_end: NULL when Corosync has taken it. */
static const failure *send_as_member(cpg *c, cpg_guarantee_t guarantee, const cpg_parts *p)
{
	size_t size = cpg_event_message_size(p->length);
	const failure *why = cpg_not_member(c);
	cs_error_t error;

	if (why != NULL) {
		return why;
	}
	why = enter_window(c, size);
	if (why != NULL) {
		return handle_failure(&c->handle, CS_ERR_TRY_AGAIN) == &FAILURE_NOT_CONNECTED ? &FAILURE_NOT_CONNECTED : why;
	}
	error = send_parts(c, guarantee, p);
	/* What Corosync itself takes has been checked. */
	why = error == CS_ERR_TOO_BIG ? &failure_datagram : handle_failure(&c->handle, error);
	if (why != NULL) {
		leave_window(c, size);
	}
	return why;
}

/***
Sends a message to all members, oneself included. "agreed" is Corosync's total order; "fifo" is the same today.
That it comes back to oneself does not prove that any other member got it: a sender cut off at that moment may deliver
its own message in a configuration that nobody shares. Stands on `cpg_mcast_joined`.
@function handle:send
@tparam string|string[] message 0 to max_message_size() bytes, or an array of at most 63 strings, sent as one message
@tparam[opt="agreed"] string guarantee "agreed" or "fifo"
@treturn boolean true: Corosync has taken it
@error nil, message, code: "not_joined", "too_big", "too_many" (strings), "try_again" (nothing was sent: Corosync's queue is
full, the membership is changing, or the handle's window is), "backlog" (nothing was sent: of the handle's own messages as
many bytes as may wait to be handled), "interrupt" (split messages: nothing was delivered),
"not_connected", "closed", "wrong_process"; raises for anything but strings
*/
int cpg_send_method_send(lua_State *L)
{
	cpg *c = cpg_check(L);
	cpg_guarantee_t guarantee = check_guarantee(L, 3);
	cpg_parts p;
	const failure *why = cpg_iovec_collect(L, &p, c->split ? LONGEST_SPLIT : c->limit);

	/* Asked before the locks, too: in a fork, nobody is there to let go of them. */
	if (why == NULL) {
		why = cpg_not_member(c);
	}
	if (why == NULL) {
		cpg_call_begin(c, "send");
		why = send_as_member(c, guarantee, &p);
		call_end(&c->handle);
	}
	return cpg_answer(L, c, "send to", why);
}
