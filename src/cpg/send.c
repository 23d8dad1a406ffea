#include "cpg/cpg.h"

#include <limits.h>

#include "handle/call.h"
#include "handle/reader.h"

/***
@module corosync.cpg
*/

static const failure failure_window = {"try_again",
	"the handle's window is full: its own messages, or as many bytes of them as may wait, have not come back yet; "
	"dispatch or fetch, and try again"};
static const failure failure_datagram = {"too_big",
	"with 'qb_ipc_type: socket' a message must fit in a datagram, and this one does not: raise net.core.wmem_max and "
	"restart Corosync and this program"};
static const failure failure_backlog = {"backlog",
	"the handle's own messages that wait to be handled have reached a quarter of the reader's limit (of 64 MiB "
	"without a reader): handle events (dispatch, receive, or return from the handler that sends) and send again"};

/* A message's length travels as 32 bits, and libqb counts in int. */
#define LONGEST_SPLIT ((size_t)INT_MAX - 1024 * 1024)

/* ---- the window ---- */

/* Whether so many more bytes are too many; the first message never is, whatever its size. */
static bool is_beyond(const cpg *c, size_t waiting, size_t size)
{
	return waiting > 0 && waiting + size > reader_own_bound(c->handle.reader);
}

/* Counts a message and returns NULL, or why not. Before the send, because the message may come back before it returns. */
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

/* Not below 0: the window would stay closed for ever. */
static void subtract(atomic_size_t *from, size_t amount)
{
	size_t count = atomic_load_explicit(from, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(
		from, &count, count < amount ? 0 : count - amount, memory_order_relaxed, memory_order_relaxed)) {
	}
}

/* The reader's thread does this, too. */
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

static cs_error_t send_message(cpg *c, cpg_guarantee_t guarantee, const cpg_iovec *message)
{
	cs_error_t error = cpg_mcast_joined(c->handle.id, guarantee, message->vector, message->count);

	/* libcpg returns uninitialized bytes for a split message when the daemon has ended. */
	return message->length > c->limit ? handle_verify(&c->handle, error) : error;
}

/* Between call_begin and call_end: NULL when Corosync has accepted the message. */
static const failure *send_as_member(cpg *c, cpg_guarantee_t guarantee, const cpg_iovec *message)
{
	size_t size = cpg_record_message_size(message->length);
	const failure *why = cpg_group_not_member(c);
	cs_error_t error;

	if (why != NULL) {
		return why;
	}
	why = enter_window(c, size);
	if (why != NULL) {
		return handle_failure(&c->handle, CS_ERR_TRY_AGAIN) == &FAILURE_NOT_CONNECTED ? &FAILURE_NOT_CONNECTED : why;
	}
	error = send_message(c, guarantee, message);
	/* The message is within Corosync's own limit. */
	why = error == CS_ERR_TOO_BIG ? &failure_datagram : handle_failure(&c->handle, error);
	if (why != NULL) {
		leave_window(c, size);
	}
	return why;
}

/* Sends the message at index 2; pushes true, or nil, message and code, and returns their number. [-0, +1|3, v] */
static int send_from_lua(lua_State *L, cpg *c, cpg_guarantee_t guarantee)
{
	cpg_iovec message;
	const failure *why = cpg_iovec_collect(L, &message, c->split ? LONGEST_SPLIT : c->limit);

	/* Checked before taking the locks, too: in a fork, no thread would release them. */
	if (why == NULL) {
		why = cpg_group_not_member(c);
	}
	if (why == NULL) {
		cpg_group_call_begin(c, "send");
		why = send_as_member(c, guarantee, &message);
		call_end(&c->handle);
	}
	return cpg_group_return(L, c, "send to", why);
}

/***
Sends a message to all members, oneself included. "agreed" is Corosync's total order; "fifo" is the same today.
The sender's own delivery does not prove that another member got the message: a sender that is cut off at that moment may
deliver its own message in a configuration of its own. Calls `cpg_mcast_joined`.
@function handle:send
@tparam string|string[] message 0 to max_message_size() bytes, or an array of at most 63 strings, sent as one message
@tparam[opt="agreed"] string guarantee "agreed" or "fifo"
@treturn boolean true: Corosync has accepted it
@error nil, message, code: "not_joined", "too_big", "too_many" (strings), "try_again" (nothing was sent: Corosync's queue or
the handle's window is full, or the membership is changing), "backlog" (nothing was sent: too many bytes of the handle's own
messages wait to be handled), "interrupt" (split messages: nothing was delivered),
"not_connected", "closed", "wrong_process"; raises for anything but strings
*/
int cpg_send_method_send(lua_State *L)
{
	cpg *c = handle_check(L);

	return send_from_lua(L, c, check_guarantee(L, 3));
}

/* ---- the method of groups ---- */

/* The handle of a group: group[key].sender. NULL if it has none for now, or if an argument may be wrong. [-0, +n, -] */
static cpg *find_sender(lua_State *L)
{
	if (!lua_istable(L, 1) || lua_type(L, 2) != LUA_TSTRING || !lua_isnil(L, 3)) {
		return NULL;
	}
	lua_pushvalue(L, lua_upvalueindex(UPVALUE_KEY));
	lua_rawget(L, 1);
	if (!lua_istable(L, -1)) {
		return NULL;
	}
	lua_pushvalue(L, lua_upvalueindex(UPVALUE_SENDER));
	lua_rawget(L, -2);
	return handle_test(L, -1);
}

/* Calls the other function with the arguments, and with the failure of a send on top of the stack. [-0, +n, e] */
static int call_otherwise(lua_State *L, bool has_failed)
{
	int top = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(UPVALUE_OTHERWISE));
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, 3);
	if (has_failed) {
		lua_pushvalue(L, top - 1);
		lua_pushvalue(L, top);
	}
	lua_call(L, has_failed ? 5 : 3, LUA_MULTRET);
	return lua_gettop(L) - top;
}

int cpg_send_by_group(lua_State *L)
{
	cpg *c;

	lua_settop(L, 3);
	c = find_sender(L);
	if (c == NULL) {
		return call_otherwise(L, false);
	}
	return send_from_lua(L, c, CPG_TYPE_AGREED) == 1 ? 1 : call_otherwise(L, true);
}
