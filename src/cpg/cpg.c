#include "cpg/cpg.h"

#include "handle/methods.h"

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
A member. The same member is the same table in every handler, so it can be a key; `==` compares across handles, `<`
orders by node and pid, and `tostring` returns "node:pid".
@table address
@tfield integer node the node's id
@tfield integer pid
@tfield string|nil reason why the member last joined or left: "join", "leave", "nodedown", "nodeup" or "procdown"; nil
for a member that had joined before this handle
*/

/***
A ring's id. The two sides of a partition have different ones.
@table ring
@tfield integer node the id of the node that formed it
@tfield integer|string seq its number. A seq that no number of this Lua represents exactly (from 2^63 on, before Lua 5.3
beyond 2^53) is a string of 20 digits with leading zeros: such strings compare and order as the integers do, and come
after any number
*/

static cs_error_t initialize(handle *h)
{
	cpg_model_v1_data_t model = {
		.model = CPG_MODEL_V1,
		.cpg_deliver_fn = cpg_event_message,
		.cpg_confchg_fn = cpg_event_config,
		.cpg_totem_confchg_fn = cpg_event_ring,
		.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF,
	};

	return cpg_model_initialize(&h->id, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL);
}

static const char *subject(const handle *h, size_t *length)
{
	const cpg *c = (const cpg *)h;

	*length = c->group.length;
	return c->group.value;
}

static cs_error_t disconnect(handle *h)
{
	cs_error_t error = cpg_finalize(h->id);

	cpg_pack_end((cpg *)h);
	return error;
}

const handle_class cpg_class = {
	.type = "corosync.cpg",
	.service = "cpg",
	.kinds = cpg_event_kinds,
	.initialize = initialize,
	.fd_get = cpg_fd_get,
	.dispatch = cpg_dispatch,
	.finalize = cpg_finalize,
	.disconnect = disconnect,
	.noun = "group",
	.subject = subject,
	.flush = cpg_pack_flush_later,
	.give_up = cpg_membership_give_up,
	.queue_lag = cpg_event_queue_lag,
	.gather = cpg_run_gather,
};

/*
 * (key, otherwise): returns the method send_message for groups, see cpg_send_by_group. It is in C because each Lua
 * function would add its cost to each message.
 */
static int module_sender(lua_State *L)
{
	lua_settop(L, 2);
	luaL_getmetatable(L, cpg_class.type);
	lua_pushlightuserdata(L, (void *)(uintptr_t)&cpg_class);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	lua_pushliteral(L, "sender");
	lua_pushcclosure(L, cpg_send_by_group, UPVALUE_SENDER);
	return 1;
}

/* For code that learns of members in other ways than from a handle, and keeps its own cache of addresses. */
static int module_new_address(lua_State *L)
{
	cpg_address_push_new(L, (uint32_t)luaL_checkinteger(L, 1), (uint32_t)luaL_checkinteger(L, 2));
	return 1;
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
	cpg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	/* A lost connection does not change the address. */
	if (why != NULL && why != c->handle.reason) {
		return cpg_group_fail(L, c, "get the address in", why);
	}
	compat_getuservalue(L, 1);
	lua_rawgeti(L, -1, VALUE_ADDRESSES);
	cpg_address_push(L, -1, c->node, (uint32_t)c->handle.owner);
	return 1;
}

/***
The longest message that Corosync delivers as one; with `pack`, the handle's `limit`. Calls
`cpg_max_atomic_msgsize_get`.
@function handle:max_message_size
@treturn integer bytes
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_max_message_size(lua_State *L)
{
	cpg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why != NULL) {
		return cpg_group_fail(L, c, "get the limit of", why);
	}
	compat_pushuint64(L, c->pack != NULL ? cpg_pack_limit(c) : c->max_atomic_size);
	return 1;
}

/***
Corosync's flow control state. It means nothing: Corosync 3 never sets it, so it is always false. With a full queue
send fails with "try_again". Calls `cpg_flow_control_state_get`.
@function handle:flow_control
@treturn boolean whether flow control is on
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_flow_control(lua_State *L)
{
	cpg *c = handle_check(L);
	cpg_flow_control_state_t flow = CPG_FLOW_CONTROL_DISABLED;
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, cpg_flow_control_state_get(c->handle.id, &flow));
	}
	if (why != NULL) {
		return cpg_group_fail(L, c, "get the flow control of", why);
	}
	lua_pushboolean(L, flow == CPG_FLOW_CONTROL_ENABLED);
	return 1;
}

static const luaL_Reg methods[] = {
	{"address", method_address},
	{"counters", cpg_counters_method_counters},
	{"flow_control", method_flow_control},
	{"flush", cpg_pack_method_flush},
	{"groups", cpg_membership_method_groups},
	{"join", cpg_membership_method_join},
	{"leave", cpg_membership_method_leave},
	{"max_message_size", method_max_message_size},
	{"members", cpg_membership_method_members},
	{"receive_run", receive_method_receive_run},
	{"send", cpg_send_method_send},
	{NULL, NULL},
};

void cpg_push_module(lua_State *L)
{
	cpg_address_setup(L);
	methods_push_module(L, &cpg_class, methods, cpg_open_module_open);
	lua_pushcfunction(L, cpg_open_module_check);
	lua_setfield(L, -2, "check");
	lua_pushcfunction(L, module_new_address);
	lua_setfield(L, -2, "new_address");
	lua_pushcfunction(L, cpg_open_module_repack);
	lua_setfield(L, -2, "repack");
	lua_pushcfunction(L, module_sender);
	lua_setfield(L, -2, "sender");
	lua_pushcfunction(L, cpg_run_skip);
	lua_setfield(L, -2, "skip");
	lua_pushcfunction(L, cpg_run_unpack);
	lua_setfield(L, -2, "unpack");
}
