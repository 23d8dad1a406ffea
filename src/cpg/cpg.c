#include "cpg/cpg.h"

#include "cpg/address.h"
#include "handle/call.h"
#include "cpg/event.h"
#include "cpg/membership.h"
#include "cpg/send.h"
#include "support/field.h"
#include "handle/opening.h"
#include "handle/reader_options.h"

/***
Closed process groups: the userdata over libcpg. It also has the methods that all handles share, see
@{corosync.handle} and @{corosync.events}.

    local cpg = require "corosync.cpg"
    local handle = assert(cpg.open {
      message_received = function(address, message) print(address, message) end,
      config_change = function(members, left, joined) print(#members) end,
    })
    assert(handle:join "chat")
    assert(handle:send "hello")
    while handle:wait(10) do
      assert(handle:dispatch())
    end

A thread that dispatches needs 2 MiB of stack, see @{corosync.events}.
@module corosync.cpg
@extends corosync.handle, corosync.events
*/

/***
A member. The same member is the same table in every handler, so it works as a key; `==` holds across handles, `<` orders
by node and pid, and `tostring` gives "node:pid".
@table address
@tfield integer node the node's id
@tfield integer pid
@tfield string|nil reason why the member last joined or left: "join", "leave", "nodedown", "nodeup" or "procdown"; nil for
a member that was there first
*/

/***
A ring's id. The two sides of a partition have different ones.
@table ring
@tfield integer node the id of the node that formed it
@tfield integer|string seq its number. Where no number of this Lua is exactly it (from 2^63 on, before Lua 5.3 beyond 2^53)
it is a string of 20 digits, zeros first: such strings are equal and ordered as the integers are, and later than any number
*/

static const failure failure_not_joined = {"not_joined", "the handle is not a member of a group: join first"};
static const failure failure_has_left = {
	"not_joined", "the handle has left its group: close it, and join with another one"};
static const failure failure_given_up = {"not_joined",
	"its reader has left the group because handlers lag: handle events faster or raise the limit of the reader, and "
	"join "
	"with another handle"};

static cs_error_t dispatch(handle *h, cs_dispatch_flags_t flags)
{
	return cpg_dispatch(h->id, flags);
}

static cs_error_t finalize(handle *h)
{
	return cpg_finalize(h->id);
}

static const char *subject(const handle *h, size_t *length)
{
	const cpg *c = (const cpg *)h;

	*length = c->group.length;
	return c->group.value;
}

const handle_class cpg_class = {
	.type = "corosync.cpg",
	.service = "cpg",
	.kinds = cpg_event_kinds,
	.fd_get = cpg_fd_get,
	.dispatch = dispatch,
	.finalize = finalize,
	.noun = "group",
	.subject = subject,
	.give_up = cpg_membership_give_up,
	.tell_lag = cpg_event_lag,
};

/* ---- what the files of its methods share ---- */

cpg *cpg_check(lua_State *L)
{
	return handle_check(L, &cpg_class);
}

void cpg_call_begin(cpg *c, const char *what)
{
	call_begin(&c->handle, what, c->group.value, c->group.length);
}

const failure *cpg_not_member(const cpg *c)
{
	const failure *why = handle_unusable(&c->handle);

	if (why != NULL) {
		return why;
	}
	switch (c->membership) {
	case MEMBERSHIP_NONE: return &failure_not_joined;
	case MEMBERSHIP_LEFT: return &failure_has_left;
	case MEMBERSHIP_GIVEN_UP: return &failure_given_up;
	default: return NULL;
	}
}

void cpg_push_attempt(lua_State *L, const char *verb, const char *name, size_t length)
{
	lua_pushfstring(L, "%s group ", verb);
	failure_push_name(L, name, length);
	lua_concat(L, 2);
}

int cpg_fail(lua_State *L, const cpg *c, const char *verb, const failure *why)
{
	if (c->membership == MEMBERSHIP_NONE) {
		lua_pushfstring(L, "%s a group", verb);
	} else {
		cpg_push_attempt(L, verb, c->group.value, c->group.length);
	}
	return failure_push(L, why);
}

int cpg_answer(lua_State *L, const cpg *c, const char *verb, const failure *why)
{
	if (why != NULL) {
		return cpg_fail(L, c, verb, why);
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- opening ---- */

static void check_previous(lua_State *L, int index, const char *name)
{
	bool same;

	if (lua_type(L, index) == LUA_TUSERDATA && lua_getmetatable(L, index)) {
		luaL_getmetatable(L, cpg_class.type);
		same = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
		if (same) {
			return;
		}
	}
	field_refuse(L, index, name, "cpg handle");
}

static void check_window(lua_State *L, int index, const char *name)
{
	int64_t window;

	if (lua_type(L, index) != LUA_TNUMBER || !compat_toint64(L, index, &window) || window < 1 || window > INT32_MAX) {
		field_refuse(L, index, name, "number of messages from 1 on");
	}
}

static const field open_fields[] = {
	{"config_change", field_check_function},
	{"daemon_user", field_check_user},
	{"error", field_check_function},
	{"lagged", field_check_function},
	{"message_received", field_check_function},
	{"previous", check_previous},
	{"reader", reader_options_check},
	{"ring_change", field_check_function},
	{"split", field_check_boolean},
	{"window", check_window},
	{NULL, NULL},
};

/* The new handle at index `to` goes on with the addresses of the handle at index `from`, if there is one. [-0, +0, m] */
static void take_addresses(lua_State *L, int from, int to)
{
	if (lua_isnil(L, from)) {
		return;
	}
	compat_getuservalue(L, to);
	compat_getuservalue(L, from);
	lua_rawgeti(L, -1, VALUE_ADDRESSES);
	lua_rawseti(L, -3, VALUE_ADDRESSES);
	lua_rawgeti(L, -1, VALUE_MEMBERS);
	lua_rawseti(L, -3, VALUE_MEMBERS);
	lua_pop(L, 2);
}

static cs_error_t open_connection(cpg *c)
{
	cpg_model_v1_data_t model = {
		.model = CPG_MODEL_V1,
		.cpg_deliver_fn = cpg_event_message,
		.cpg_confchg_fn = cpg_event_config,
		.cpg_totem_confchg_fn = cpg_event_ring,
		.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF,
	};
	cpg_handle_t id = 0;
	cs_error_t error = cpg_model_initialize(&id, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL);

	if (error != CS_OK) {
		return error;
	}
	error = opening_take(&c->handle, id);
	if (error != CS_OK) {
		(void)cpg_finalize(id);
		return error;
	}
	error = cpg_local_get(id, &c->node);
	return error == CS_OK ? cpg_max_atomic_msgsize_get(id, &c->limit) : error;
}

/* Starts a reader for the open handle on top of the stack; answers what open answers. [-0, +n, m] */
static int stand_by(lua_State *L, cpg *c, const reader_options *options)
{
	int error = reader_start(&c->handle, options);

	if (error == 0) {
		return 1;
	}
	handle_finalize(&c->handle);
	return failure_push_system(L, "start the reader of a cpg handle", error);
}

/***
Connects to the local Corosync. The handle is in no group yet.
The table is kept: a handler replaced in it is the one called for the next event.
Stands on `cpg_model_initialize` with model v1; costs about 15 ms and 3 MB of /dev/shm.
@function cpg.open
@tparam table handlers
@tparam[opt] fun(address:address,message:string) handlers.message_received called for each message
@tparam[opt] fun(members:address[],left:address[],joined:address[]) handlers.config_change called when the membership
has changed. The lists are right at any size, though libcpg lists at most 128 members: where its lists do not suffice,
Corosync is asked for its own, which blocks while it is stopped. More than 128 members of a group on nodes that leave or
join at once make Corosync's daemon abort.
@tparam[opt] fun(ring:ring,nodes:integer[]) handlers.ring_change called with the new ring and the ids of its nodes
@tparam[opt] fun(message:string) handlers.error called with the message and traceback of an error in a handler;
without it they go to stderr
@tparam[opt=false] boolean handlers.split let libcpg cut longer messages than max_message_size() in pieces. Such
a message is not atomic: members that join meanwhile may miss one delivered in their own configuration, a change of the
configuration makes the send answer "interrupt" (nothing was delivered, and nobody but you sends it again), and the
send blocks for up to 1 s a piece while Corosync's queue is full.
@tparam[opt=256] integer handlers.window the most of the handle's own messages that may be on their way, and of their bytes
as many as may wait (see `reader`): beyond it, send returns "try_again" until some have come back, which they do when
`dispatch`, `receive` or `fetch` take them from the daemon. Of a daemon that is stopped, libcpg fills the queue and then, in the 279th send, spins.
@tparam[opt=false] boolean|table handlers.reader true or a table for a thread that stands by: what nobody takes from the
daemon swells it without bound, so when events have waited there for `after` seconds (0.02) the thread takes them. They
are kept for the next dispatch, up to `limit` bytes (64 MiB). At the limit the handle leaves its group and later events
are dropped; dispatch answers "overflow" after what was kept. With `full = "stop"` the thread only stops taking; the
default is "leave". Of the handle's own messages at most a quarter of the limit (of 64 MiB without a reader) may wait to be
handled: beyond it, send returns "backlog" until some have been, so that no sender fills its own queue. What others send is
not counted there, nor is a message that is the only one.
@tparam[opt] fun(seconds:number,events:integer,bytes:integer) handlers.lagged called before the next event, when events have waited to
be handled for `after` seconds, and again each time after twice as long: how long the oldest has waited, about, and what
waits in all; and each time that the reader took some
@tparam[opt] integer handlers.daemon_user the number of the user that the daemon must run as, else open answers "access"; root
and this process's own are trusted when it is absent. Corosync's sockets can be taken by any program while it is down.
@tparam[opt] handle handlers.previous an earlier handle, closed or not, whose addresses this one goes on using: the same
member is then the same table in both
@treturn handle
@error nil, message, code: "not_connected" (Corosync is not running, or its /dev/shm is not this one), "access" (the user is
not permitted, or another user's program has the name of the socket), "try_again", "no_space" (/dev/shm is full),
"no_memory", "no_resources" (open files); raises for a field that it does not know or that has the wrong type
*/
static int module_open(lua_State *L)
{
	enum { AT_SPLIT = 2, AT_PREVIOUS, AT_READER, AT_WINDOW, AT_HANDLE };
	static const field options[] = {
		{"split", field_check_boolean},
		{"previous", check_previous},
		{"reader", reader_options_check},
		{"window", check_window},
	};
	cpg *c;
	cs_error_t error;
	reader_options standing_by;
	bool stands_by;
	size_t i;

	fields_check(L, open_fields);
	lua_settop(L, 1);
	for (i = 0; i < sizeof options / sizeof *options; i++) {
		field_push_at(L, 1, &options[i]);
	}
	stands_by = reader_options_get(L, AT_READER, &standing_by);
	c = handle_new(L, &cpg_class, sizeof *c, 1);
	c->split = lua_toboolean(L, AT_SPLIT);
	c->window = lua_isnil(L, AT_WINDOW) ? CPG_SEND_WINDOW : (uint32_t)lua_tonumber(L, AT_WINDOW);
	take_addresses(L, AT_PREVIOUS, AT_HANDLE);
	error = opening_begin(&c->handle);
	if (error == CS_OK) {
		error = open_connection(c);
	}
	opening_end(&c->handle);
	if (error != CS_OK) {
		return opening_fail(L, &c->handle, error);
	}
	return stands_by ? stand_by(L, c, &standing_by) : 1;
}

/***
Raises for a table that `open` would refuse, and opens nothing.
@function cpg.check
@tparam corosync.cpg.open.handlers handlers
*/
static int module_check(lua_State *L)
{
	fields_check(L, open_fields);
	return 0;
}

/* ---- methods ---- */

/***
This process's own address, as members see it.
@function handle:address
@treturn address
@error nil, message, code: "closed", "wrong_process"
*/
static int method_address(lua_State *L)
{
	cpg *c = cpg_check(L);
	const failure *why = handle_unusable(&c->handle);

	/* A lost connection does not change it. */
	if (why != NULL && why != c->handle.reason) {
		return cpg_fail(L, c, "give the address in", why);
	}
	compat_getuservalue(L, 1);
	lua_rawgeti(L, -1, VALUE_ADDRESSES);
	address_push(L, -1, c->node, (uint32_t)c->handle.owner);
	return 1;
}

/***
The longest message that Corosync delivers as one. Stands on `cpg_max_atomic_msgsize_get`.
@function handle:max_message_size
@treturn integer bytes
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_max_message_size(lua_State *L)
{
	cpg *c = cpg_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why != NULL) {
		return cpg_fail(L, c, "ask the limit of", why);
	}
	compat_pushuint32(L, c->limit);
	return 1;
}

/***
Corosync's flow control state. It always answers false: Corosync 3 never sets it, so nothing follows from it; a full
queue shows as "try_again" from send. Stands on `cpg_flow_control_state_get`.
@function handle:flow_control
@treturn boolean whether flow control is on
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_flow_control(lua_State *L)
{
	cpg *c = cpg_check(L);
	cpg_flow_control_state_t flow = CPG_FLOW_CONTROL_DISABLED;
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, cpg_flow_control_state_get(c->handle.id, &flow));
	}
	if (why != NULL) {
		return cpg_fail(L, c, "ask the flow control of", why);
	}
	lua_pushboolean(L, flow == CPG_FLOW_CONTROL_ENABLED);
	return 1;
}

static const luaL_Reg methods[] = {
	{"address", method_address},
	{"flow_control", method_flow_control},
	{"groups", cpg_membership_method_groups},
	{"join", cpg_membership_method_join},
	{"leave", cpg_membership_method_leave},
	{"max_message_size", method_max_message_size},
	{"members", cpg_membership_method_members},
	{"send", cpg_send_method_send},
	{NULL, NULL},
};

int cpg_push_module(lua_State *L)
{
	address_setup(L);
	handle_setup(L, &cpg_class, methods);
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, module_check);
	lua_setfield(L, -2, "check");
	lua_pushcfunction(L, module_open);
	lua_setfield(L, -2, "open");
	return 1;
}
