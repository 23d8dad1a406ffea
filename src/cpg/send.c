#include "cpg/cpg.h"

#include <limits.h>

#include "handle/call.h"
#include "support/argument.h"

/***
@module corosync.cpg
*/

static const failure failure_too_big = {"too_big",
	"a message is at most 1047552 bytes: send it in parts, or use the option 'pack' in all members of the group"};
static const failure failure_beyond_limit = {"too_big",
	"the message is longer than the handle's limit, by default 67108864 bytes: raise 'pack.limit' in all members, or "
	"send it in parts"};
static const failure failure_datagram = {"too_big",
	"with 'qb_ipc_type: socket' a message must fit in a datagram, and this one does not: raise net.core.wmem_max and "
	"restart Corosync and this program"};
/* A message's length travels as 32 bits, and libqb counts in int. */
#define LONGEST_SPLIT ((size_t)INT_MAX - 1024 * 1024)

/* ---- the method ---- */

static cpg_guarantee_t check_guarantee(lua_State *L, int index)
{
	static const char *const names[] = {"agreed", "fifo", NULL};
	static const cpg_guarantee_t guarantees[] = {CPG_TYPE_AGREED, CPG_TYPE_FIFO};

	if (lua_isnoneornil(L, index)) {
		return CPG_TYPE_AGREED;
	}
	return guarantees[argument_check_option(L, index, "agreed", names)];
}

static size_t length_of(const struct iovec *vector, unsigned int count)
{
	size_t length = 0;

	while (count > 0) {
		length += vector[--count].iov_len;
	}
	return length;
}

/* libcpg returns uninitialized bytes for a split message when the daemon has ended. */
static cs_error_t multicast(cpg *c, cpg_guarantee_t guarantee, const struct iovec *vector, unsigned int count)
{
	cs_error_t error = cpg_mcast_joined(c->handle.id, guarantee, vector, count);

	return c->split && length_of(vector, count) > c->max_atomic_size ? handle_verify(&c->handle, error) : error;
}

const failure *cpg_send_vector(cpg *c, cpg_guarantee_t guarantee, const struct iovec *vector, unsigned int count)
{
	const failure *why;
	cs_error_t error;

	cpg_group_call_begin(c, "send");
	/* Checked under the lock, because the reader might have left the group before. */
	why = cpg_group_not_member(c);
	if (why == NULL) {
		error = multicast(c, guarantee, vector, count);
		/* The message is within Corosync's own limit. */
		why = error == CS_ERR_TOO_BIG ? &failure_datagram : handle_failure(&c->handle, error);
	}
	call_end(&c->handle);
	return why;
}

static const failure *send_alone(cpg *c, cpg_guarantee_t guarantee, const cpg_iovec *message)
{
	size_t size = cpg_event_message_size(message->length);
	const failure *why = cpg_window_refusal(c, size);

	if (why != NULL) {
		return why;
	}
	/* Before the send, because the message may come back before it returns. */
	cpg_window_enter(c, 1, size);
	why = cpg_send_vector(c, guarantee, message->vector, message->count);
	if (why != NULL) {
		cpg_window_leave(c, 1, size);
	}
	return why;
}

static const failure *collect(lua_State *L, const cpg *c, cpg_iovec *message)
{
	if (c->pack != NULL) {
		return cpg_iovec_collect(L, message, cpg_pack_limit(c), &failure_beyond_limit);
	}
	return cpg_iovec_collect(L, message, c->split ? LONGEST_SPLIT : c->max_atomic_size, &failure_too_big);
}

/* Sends the message at index 2; pushes true, or nil, message and code, and returns their number. [-0, +1|3, v] */
static int send_from_lua(lua_State *L, cpg *c, cpg_guarantee_t guarantee)
{
	cpg_iovec message;
	const failure *why = collect(L, c, &message);

	/* Before taking locks: in a fork, no thread would release them. */
	if (why == NULL) {
		why = cpg_group_not_member(c);
	}
	if (why == NULL) {
		why = c->pack != NULL ? cpg_pack_send(c, &message) : send_alone(c, guarantee, &message);
	}
	if (why == NULL) {
		cpg_count_add(&c->sent, message.length);
	}
	return cpg_group_return(L, c, "send to", why);
}

/***
Sends a message to all members, including this one. "agreed" is Corosync's total order; "fifo" is the same today.
The sender's own delivery does not prove that another member got the message: a sender that is cut off at that moment
may deliver its own message in a configuration of its own. Calls `cpg_mcast_joined`.
@function handle:send
@tparam string|string[] message 0 to max_message_size() bytes, or an array of at most 63 strings, sent as one message
@tparam[opt="agreed"] string guarantee "agreed" or "fifo"
@treturn boolean true: Corosync has accepted it; with `pack`, it is in a frame that will be sent
@error nil, message, code: "not_joined", "too_big", "too_many" (strings), "try_again" (nothing was sent: Corosync's
queue or the handle's window is full, or the membership is changing), "backlog" (nothing was sent: too many bytes of the
handle's own messages wait to be handled), "interrupt" (split messages: nothing was delivered),
"not_connected", "closed", "wrong_process"; raises for anything but strings
*/
int cpg_send_method_send(lua_State *L)
{
	cpg *c = handle_check(L);

	return send_from_lua(L, c, check_guarantee(L, 3));
}

/* ---- the method of groups ---- */

/* Returns a group's handle, group[key].sender; NULL if it has none now, or if an argument may be wrong. [-0, +n, -] */
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

/* Calls the function with the arguments, and with the failure on top of the stack if a send has failed. [-0, +n, e] */
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
