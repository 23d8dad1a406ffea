#include "cpg_send.h"

#include <limits.h>

#include "call.h"
#include "cpg_parts.h"

/***
@module corosync.cpg
*/

static const failure failure_window = {"try_again",
	"as many of this handle's messages as its window allows have not come back: dispatch or fetch, and try again"};
static const failure failure_datagram = {"too_big",
	"with 'qb_ipc_type: socket' a message must fit in a datagram, and this one does not: raise net.core.wmem_max, and "
	"restart Corosync and this program"};

/* A message's length travels as 32 bits, and libqb counts in int. */
#define LONGEST_SPLIT ((size_t)INT_MAX - 1024 * 1024)

/* ---- the window ---- */

/* Counted before the send: the reader may see it come back before that returns. */
static bool enter_window(cpg *c)
{
	if (atomic_load_explicit(&c->in_flight, memory_order_relaxed) >= c->window) {
		return false;
	}
	atomic_fetch_add_explicit(&c->in_flight, 1, memory_order_relaxed);
	return true;
}

/* The reader's thread does so, too: below nothing the window would be closed for ever. */
static void leave_window(cpg *c)
{
	uint32_t count = atomic_load_explicit(&c->in_flight, memory_order_relaxed);

	while (count > 0 &&
		!atomic_compare_exchange_weak_explicit(
			&c->in_flight, &count, count - 1, memory_order_relaxed, memory_order_relaxed)) {
	}
}

void cpg_send_came_back(handle *h, uint32_t node, uint32_t pid)
{
	cpg *c = (cpg *)h;

	if (node == c->node && pid == (uint32_t)h->owner) {
		leave_window(c);
	}
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
	const failure *why = cpg_not_member(c);
	cs_error_t error;

	if (why == NULL && !enter_window(c)) {
		why = handle_failure(&c->handle, CS_ERR_TRY_AGAIN);
		return why == &FAILURE_NOT_CONNECTED ? why : &failure_window;
	}
	if (why == NULL) {
		error = send_parts(c, guarantee, p);
		/* What Corosync itself takes has been checked. */
		why = error == CS_ERR_TOO_BIG ? &failure_datagram : handle_failure(&c->handle, error);
		if (why != NULL) {
			leave_window(c);
		}
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
full, the membership is changing, or the handle's window is), "interrupt" (split messages: nothing was delivered),
"not_connected", "closed", "wrong_process"; raises for anything but strings
*/
int cpg_send_method_send(lua_State *L)
{
	cpg *c = cpg_check(L);
	cpg_guarantee_t guarantee = check_guarantee(L, 3);
	cpg_parts p;
	const failure *why = cpg_parts_collect(L, &p, c->split ? LONGEST_SPLIT : c->limit);

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
