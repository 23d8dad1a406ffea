#include "cpg.h"

#include <limits.h>
#include <string.h>

#include <corosync/cpg.h>

#include "address.h"
#include "cpg_event.h"
#include "cpg_groups.h"
#include "cpg_parts.h"
#include "field.h"
#include "handle.h"
#include "tables.h"

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

An *address* is a table with the fields `node` (the node's id), `pid` and `reason`: why that member last joined or
left, "join", "leave", "nodedown", "nodeup" or "procdown"; nil for who was there before oneself. The same member is
the same table in every handler, so it works as a key; `==` holds across handles, `<` orders by node and pid, and
`tostring` gives "node:pid".

A thread that dispatches needs 2 MiB of stack, see @{corosync.events}.
@module corosync.cpg
*/

static const failure failure_joined = {"exist", "a handle is in one group at a time, and this one has already joined: open another handle"};
static const failure failure_left = {"left", "a handle that has left cannot join again: close it and open a new one"};
static const failure failure_name_empty = {"invalid_param", "a group's name is 1 to 128 bytes, and this one is empty"};
static const failure failure_name_too_long = {"name_too_long", "a group's name is 1 to 128 bytes"};
static const failure failure_not_joined = {"not_joined", "the handle is not a member of a group: join first"};

/* A message's length travels as 32 bits, and libqb counts in int. */
#define LONGEST_SPLIT ((size_t)INT_MAX - 1024 * 1024)

typedef enum membership { MEMBERSHIP_NONE, MEMBERSHIP_JOINED, MEMBERSHIP_LEFT } membership;

typedef struct cpg {
	handle handle;
	membership membership;
	bool split;
	uint32_t node, limit;
	struct cpg_name group;
} cpg;

static cs_error_t dispatch(handle *h, cs_dispatch_flags_t flags)
{
	return cpg_dispatch(h->id, flags);
}

static cs_error_t finalize(handle *h)
{
	return cpg_finalize(h->id);
}

static const handle_class cpg_class = {
	.type = "corosync.cpg",
	.service = "cpg",
	.kinds = cpg_event_kinds,
	.fd_get = cpg_fd_get,
	.dispatch = dispatch,
	.finalize = finalize,
};

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

static const field open_fields[] = {
	{"config_change", field_check_function},
	{"error", field_check_function},
	{"message_received", field_check_function},
	{"previous", check_previous},
	{"ring_change", field_check_function},
	{"split", field_check_boolean},
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
	cs_error_t error = cpg_model_initialize(&id, CPG_MODEL_V1, (cpg_model_data_t *)&model, &c->handle);

	if (error != CS_OK) {
		return error;
	}
	error = cpg_local_get(id, &c->node);
	if (error == CS_OK) {
		error = cpg_max_atomic_msgsize_get(id, &c->limit);
	}
	if (error == CS_OK) {
		error = handle_opened(&c->handle, id);
	}
	if (error != CS_OK) {
		(void)cpg_finalize(id);
	}
	return error;
}

/***
Connects to the local Corosync. The handle is in no group yet.
The table is kept: a handler replaced in it is the one called for the next event.
Stands on `cpg_model_initialize` with model v1; costs about 15 ms and 3 MB of /dev/shm.
@function cpg.open
@tparam table handlers
@tparam[opt] function handlers.message_received called with (address, message)
@tparam[opt] function handlers.config_change called with (members, left, joined), arrays of addresses
@tparam[opt] function handlers.ring_change called with (ring, nodes): ring.node and ring.seq are the ring's id,
nodes is an array of node ids; seq is absent when this Lua has no number that is exactly it (from 2^53 on before Lua 5.3)
@tparam[opt] function handlers.error called with the message and traceback of an error in a handler;
without it they go to stderr
@tparam[opt=false] boolean handlers.split let libcpg cut longer messages than max_message_size() in pieces. Such
a message is not atomic: members that join meanwhile may miss one delivered in their own configuration, a change of the
configuration makes the send answer "interrupt" (nothing was delivered, and nobody but you sends it again), and the
send blocks for up to 1 s a piece while Corosync's queue is full.
@tparam[opt] handle handlers.previous an earlier handle, closed or not, whose addresses this one goes on using: the same
member is then the same table in both
@treturn handle
@error nil, message, code: "not_connected" when no corosync runs here or this user may not connect, "access", "try_again",
"no_space", "no_resources"; raises for a field that it does not know or that has the wrong type
*/
static int module_open(lua_State *L)
{
	cpg *c;
	cs_error_t error;

	fields_check(L, open_fields);
	lua_settop(L, 1);
	field_push(L, "split");
	field_push(L, "previous");
	c = handle_new(L, &cpg_class, sizeof *c, 1);
	c->split = lua_toboolean(L, 2);
	take_addresses(L, 3, 4);
	tables_lock();
	error = open_connection(c);
	tables_unlock();
	return error == CS_OK ? 1 : handle_open_failed(L, &c->handle, error);
}

/* ---- methods ---- */

/* Pushes what a method tries, for its failure: "<verb> group 'name'". [-0, +1, m] */
static void push_attempt(lua_State *L, const char *verb, const char *name, size_t length)
{
	lua_pushfstring(L, "%s group ", verb);
	failure_push_name(L, name, length);
	lua_concat(L, 2);
}

static int fail(lua_State *L, const cpg *c, const char *verb, const failure *why)
{
	if (c->membership == MEMBERSHIP_NONE) {
		lua_pushfstring(L, "%s a group", verb);
	} else {
		push_attempt(L, verb, c->group.value, c->group.length);
	}
	return failure_push(L, why);
}

static int answer(lua_State *L, cpg *c, const char *verb, cs_error_t error)
{
	const failure *why = handle_failure(&c->handle, error);

	if (why != NULL) {
		return fail(L, c, verb, why);
	}
	lua_pushboolean(L, 1);
	return 1;
}

static const failure *check_name(size_t length)
{
	return length == 0 ? &failure_name_empty : length > CPG_MAX_NAME_LENGTH ? &failure_name_too_long : NULL;
}

static const failure *unjoinable(const cpg *c, size_t length)
{
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL && c->membership != MEMBERSHIP_NONE) {
		why = c->membership == MEMBERSHIP_JOINED ? &failure_joined : &failure_left;
	}
	return why == NULL ? check_name(length) : why;
}

/* check_name has seen to the length. */
static void set_name(struct cpg_name *to, const char *name, size_t length)
{
	memset(to, 0, sizeof *to);
	to->length = (uint32_t)length;
	memcpy(to->value, name, length);
}

/***
Joins a group. The join is complete once config_change lists oneself in `joined`; sends are accepted at once.
A handle joins one group, once: after leaving, close it and open another. Stands on `cpg_join`.
@function handle:join
@tparam string name 1 to 128 bytes, any bytes
@treturn boolean true
@error nil, message, code: "invalid_param" (an empty name), "name_too_long", "exist" (this handle, or this process by
another handle, is in the group), "left", "try_again" (the membership is changing), "not_connected", "closed",
"wrong_process"
*/
static int cpg_method_join(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	size_t length;
	const char *name = luaL_checklstring(L, 2, &length);
	const failure *why = unjoinable(c, length);
	cs_error_t error;

	if (why == NULL) {
		set_name(&c->group, name, length);
		error = cpg_join(c->handle.id, &c->group);
		if (error == CS_OK) {
			c->membership = MEMBERSHIP_JOINED;
			lua_pushboolean(L, 1);
			return 1;
		}
		why = handle_failure(&c->handle, error);
	}
	push_attempt(L, "join", name, length);
	return failure_push(L, why);
}

static const failure *not_member(const cpg *c)
{
	const failure *why = handle_unusable(&c->handle);

	return why == NULL && c->membership != MEMBERSHIP_JOINED ? &failure_not_joined : why;
}

/***
Leaves the group. Complete once config_change lists oneself in `left`. Blocks while the membership is changing.
Stands on `cpg_leave`, with the joined name only.
@function handle:leave
@treturn boolean true
@error nil, message, code: "not_joined", "try_again", "not_connected", "closed", "wrong_process"
*/
static int cpg_method_leave(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	const failure *why = not_member(c);
	cs_error_t error;

	if (why != NULL) {
		return fail(L, c, "leave", why);
	}
	error = cpg_leave(c->handle.id, &c->group);
	if (error == CS_OK) {
		c->membership = MEMBERSHIP_LEFT;
	}
	return answer(L, c, "leave", error);
}

static cpg_guarantee_t check_guarantee(lua_State *L, int index)
{
	static const char *const names[] = {"agreed", "fifo", NULL};
	static const cpg_guarantee_t guarantees[] = {CPG_TYPE_AGREED, CPG_TYPE_FIFO};

	return guarantees[compat_checkoption(L, index, "agreed", names)];
}

/***
Sends a message to all members, oneself included. "agreed" is Corosync's total order; "fifo" is the same today.
That it comes back to oneself does not prove that any other member got it: a sender cut off at that moment may deliver
its own message in a configuration that nobody shares. Stands on `cpg_mcast_joined`.
@function handle:send
@tparam string|table message 0 to max_message_size() bytes, or an array of at most 63 strings, sent as one message
@tparam[opt="agreed"] string guarantee "agreed" or "fifo"
@treturn boolean true: Corosync has taken it
@error nil, message, code: "not_joined", "too_big", "too_many" (strings), "try_again" (nothing was sent), "interrupt"
(split messages: nothing was delivered), "not_connected", "closed", "wrong_process"; raises for anything but strings
*/
static int cpg_method_send(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	cpg_guarantee_t guarantee = check_guarantee(L, 3);
	cpg_parts p;
	const failure *why = cpg_parts_collect(L, &p, c->split ? LONGEST_SPLIT : c->limit);
	cs_error_t error;

	why = why == NULL ? not_member(c) : why;
	if (why != NULL) {
		return fail(L, c, "send to", why);
	}
	error = cpg_mcast_joined(c->handle.id, guarantee, p.vector, p.count);
	if (p.length > c->limit) {
		/* libcpg answers uninitialized bytes for a split message when the daemon has gone. */
		error = handle_verify(&c->handle, error);
	}
	return answer(L, c, "send to", error);
}

/***
This process's own address, as members see it.
@function handle:address
@treturn table address, with fields node and pid, and reason once config_change has told it
@error nil, message, code: "closed", "wrong_process"
*/
static int cpg_method_address(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	const failure *why = handle_unusable(&c->handle);

	/* A lost connection does not change it. */
	if (why != NULL && why != c->handle.reason) {
		return fail(L, c, "give the address in", why);
	}
	compat_getuservalue(L, 1);
	lua_rawgeti(L, -1, VALUE_ADDRESSES);
	address_push(L, -1, c->node, (uint32_t)c->handle.owner);
	return 1;
}

/* The group that `members` asks for, the argument or else the joined one, or why it cannot. */
static const failure *choose_group(lua_State *L, const cpg *c, struct cpg_name *name)
{
	size_t length;
	const char *given = luaL_optlstring(L, 2, NULL, &length);
	const failure *why;

	if (given == NULL) {
		*name = c->group;
		return not_member(c);
	}
	why = handle_unusable(&c->handle);
	why = why == NULL ? check_name(length) : why;
	if (why == NULL) {
		set_name(name, given, length);
	}
	return why;
}

/* [-0, +3, m] */
static int fail_members(lua_State *L, const cpg *c, const failure *why)
{
	size_t length;
	const char *given = lua_tolstring(L, 2, &length);

	if (given == NULL) {
		return fail(L, c, "list the members of", why);
	}
	push_attempt(L, "list the members of", given, length);
	return failure_push(L, why);
}

/***
The members of a group as the local Corosync sees them now, which may be ahead of the events still to be handled.
Stands on `cpg_iteration_initialize` for one group: `cpg_membership_get` overruns its caller's array when a group has
more than 128 members.
@function handle:members
@tparam[opt] string name a group's name; the joined group when absent
@treturn table array of addresses; empty when the group has no members
@error nil, message, code: "not_joined" (and no name given), "invalid_param", "name_too_long", "not_connected", "closed",
"wrong_process"
*/
static int cpg_method_members(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	struct cpg_name name;
	const failure *why = choose_group(L, c, &name);
	cs_error_t error;

	if (why != NULL) {
		return fail_members(L, c, why);
	}
	lua_settop(L, 2);
	compat_getuservalue(L, 1);
	lua_rawgeti(L, 3, VALUE_ADDRESSES);
	error = cpg_groups_push_members(L, c->handle.id, &name, 4);
	return error == CS_OK ? 1 : fail_members(L, c, handle_failure(&c->handle, error));
}

/***
Iterates over every group in the cluster: `for name, members in assert(handle:groups()) do … end`.
The list is taken at the call, so the loop may be left early. Names are bytes: some programs' end in NUL.
Corosync tells every handle of each ring, one that has not joined too: also a handle opened only to ask must be dispatched.
Stands on `cpg_iteration_initialize` and its companions.
@function handle:groups
@treturn function an iterator giving a group's name and the array of its members' addresses
@error nil, message, code: "not_connected", "no_memory", "closed", "wrong_process"
*/
static int cpg_method_groups(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	const failure *why = handle_unusable(&c->handle);
	cs_error_t error;

	if (why == NULL) {
		lua_settop(L, 1);
		compat_getuservalue(L, 1);
		lua_rawgeti(L, 2, VALUE_ADDRESSES);
		error = cpg_groups_push(L, c->handle.id, 3);
		if (error == CS_OK) {
			return 1;
		}
		why = handle_failure(&c->handle, error);
	}
	lua_pushliteral(L, "list the groups");
	return failure_push(L, why);
}

/***
The longest message that Corosync delivers as one. Stands on `cpg_max_atomic_msgsize_get`.
@function handle:max_message_size
@treturn integer bytes
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int cpg_method_max_message_size(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	const failure *why = handle_unusable(&c->handle);

	if (why != NULL) {
		return fail(L, c, "ask the limit of", why);
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
static int cpg_method_flow_control(lua_State *L)
{
	cpg *c = handle_check(L, &cpg_class);
	cpg_flow_control_state_t flow = CPG_FLOW_CONTROL_DISABLED;
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, cpg_flow_control_state_get(c->handle.id, &flow));
	}
	if (why != NULL) {
		return fail(L, c, "ask the flow control of", why);
	}
	lua_pushboolean(L, flow == CPG_FLOW_CONTROL_ENABLED);
	return 1;
}

static const luaL_Reg methods[] = {
	{"address", cpg_method_address},
	{"flow_control", cpg_method_flow_control},
	{"groups", cpg_method_groups},
	{"join", cpg_method_join},
	{"leave", cpg_method_leave},
	{"max_message_size", cpg_method_max_message_size},
	{"members", cpg_method_members},
	{"send", cpg_method_send},
	{NULL, NULL},
};

int cpg_push_module(lua_State *L)
{
	address_setup(L);
	handle_setup(L, &cpg_class, methods);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, module_open);
	lua_setfield(L, -2, "open");
	return 1;
}
