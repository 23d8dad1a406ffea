#include "cpg/cpg.h"

#include "handle/lag.h"
#include "handle/reader.h"

/***
@module corosync.cpg
*/

static void set(lua_State *L, const char *field, uint64_t value)
{
	compat_pushuint64(L, value);
	lua_setfield(L, -2, field);
}

static void set_count(lua_State *L, const char *messages, const char *bytes, const cpg_count *count)
{
	set(L, messages, count->messages);
	set(L, bytes, count->bytes);
}

/***
Returns the numbers of messages that the handle has sent and received since it was opened, and of events that wait for
its handlers. Makes no calls to Corosync.
@function handle:counters
@treturn counters
@error nil, message, code: "closed", "wrong_process"
*/

/***
The result of `counters`.
@table counters
@tfield integer sent messages that were accepted
@tfield integer sent_bytes their size
@tfield integer received messages that were passed to handlers, or that `receive` returned
@tfield integer received_bytes their size
@tfield integer waiting events that wait for handlers
@tfield integer waiting_bytes the memory of these events
@tfield integer backlog bytes of the handle's own messages that wait for handlers: part of `waiting_bytes`
@tfield number lag seconds that the oldest waiting event has waited, at least
*/
int cpg_counters_method_counters(lua_State *L)
{
	cpg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);
	size_t events, bytes;

	/* A lost connection keeps its counts. In a fork, no thread would release the reader's lock. */
	if (why != NULL && why != c->handle.reason) {
		return cpg_group_fail(L, c, "count the messages of", why);
	}
	reader_count_queued(&c->handle, &events, &bytes);
	lua_createtable(L, 0, 8);
	set_count(L, "sent", "sent_bytes", &c->sent);
	set_count(L, "received", "received_bytes", &c->received);
	set(L, "waiting", events);
	set(L, "waiting_bytes", bytes);
	set(L, "backlog", atomic_load_explicit(&c->handle.own_waiting_bytes, memory_order_relaxed));
	lua_pushnumber(L, lag_seconds(&c->handle));
	lua_setfield(L, -2, "lag");
	return 1;
}
