#include "cpg/cpg.h"

#include <math.h>
#include <string.h>

#include "handle/call.h"
#include "handle/connection.h"
#include "handle/reader.h"
#include "handle/time_limit.h"

/***
@module corosync.cpg
*/

static const failure failure_joined = {
	"exist", "a handle joins one group, and this one has already joined: open another handle"};
static const failure failure_left = {"left", "a handle that has left cannot join again: close it and open a new one"};
static const failure failure_other_joined = {
	"exist", "another handle of this Lua state is in that group: use that one or close it first"};
static const failure failure_other_left = {
	"exist", "another handle of this Lua state has left that group and is still open: close it first"};
static const failure failure_same_pid = {"exist",
	"the group already has a member with this node and pid: a handle that was closed just now (try again), a handle of "
	"another Lua state in this process, or a process with the same pid in another PID namespace (restart one of the "
	"two to get another pid)"};
static const failure failure_unanswered = {"not_connected",
	"Corosync did not reply in time, so the connection was closed: others see \"procdown\" when Corosync continues"};
static const failure failure_name_empty = {"invalid_param", "a group's name is 1 to 128 bytes, and this one is empty"};
static const failure failure_name_too_long = {"name_too_long", "a group's name is 1 to 128 bytes"};

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

/* check_name has checked the length. */
static void set_name(struct cpg_name *to, const char *name, size_t length)
{
	memset(to, 0, sizeof *to);
	to->length = (uint32_t)length;
	memcpy(to->value, name, length);
}

static bool holds_group(const handle *h, const void *sought)
{
	const cpg *c = (const cpg *)h;
	const struct cpg_name *group = &((const cpg *)sought)->group;

	return h->class == ((const handle *)sought)->class && c != sought && c->membership != MEMBERSHIP_NONE &&
		c->group.length == group->length && memcmp(c->group.value, group->value, group->length) == 0;
}

/* Why Corosync refuses this process's pid in the group: it is there already. [-0, +0, m] */
static const failure *find_other(lua_State *L, const cpg *c)
{
	const cpg *other = (const cpg *)connection_find(L, holds_group, c);

	if (other == NULL) {
		return &failure_same_pid;
	}
	return other->membership == MEMBERSHIP_JOINED ? &failure_other_joined : &failure_other_left;
}

/***
Joins a group. The join is complete once config_change lists this process in `joined`; sends are accepted at once.
A handle joins one group, once: after leaving, close it and open another. Calls `cpg_join`.
@function handle:join
@tparam string name 1 to 128 bytes, any bytes
@treturn boolean true
@error nil, message, code: "invalid_param" (an empty name), "name_too_long", "exist" (this handle is in a group,
another handle of this Lua state is in the group, or a process of the same pid in another PID namespace), "left",
"try_again" (the membership is changing), "not_connected", "closed", "wrong_process"
*/
int cpg_membership_method_join(lua_State *L)
{
	cpg *c = handle_check(L);
	size_t length;
	const char *name = luaL_checklstring(L, 2, &length);
	const failure *why = unjoinable(c, length);
	cs_error_t error;

	if (why == NULL) {
		reader_lock(c->handle.reader);
		set_name(&c->group, name, length);
		reader_unlock(c->handle.reader, false);
		cpg_group_call_begin(c, "join");
		error = cpg_join(c->handle.id, &c->group);
		c->membership = error == CS_OK ? MEMBERSHIP_JOINED : MEMBERSHIP_NONE;
		call_end(&c->handle);
		why = error == CS_ERR_EXIST ? find_other(L, c) : handle_failure(&c->handle, error);
	}
	if (why != NULL) {
		failure_push_attempt(L, "join", "group", name, length);
		return failure_push(L, why);
	}
	return success_push(L);
}

/* Only with the joined name: with another one Corosync removes another of this process's handles. */
static cs_error_t leave(cpg *c, membership after)
{
	cs_error_t error = cpg_leave(c->handle.id, &c->group);

	if (error == CS_OK) {
		c->membership = after;
	}
	return error;
}

cs_error_t cpg_membership_give_up(handle *h)
{
	cpg *c = (cpg *)h;

	return c->membership == MEMBERSHIP_JOINED ? leave(c, MEMBERSHIP_GIVEN_UP) : CS_OK;
}

/* Leaves. If Corosync does not reply within so many seconds, the connection is lost. */
static const failure *leave_within(cpg *c, double seconds)
{
	const failure *why;
	time_limit limit;

	time_limit_begin(&limit, &c->handle, seconds);
	cpg_group_call_begin(c, "leave");
	why = cpg_group_not_member(c);
	if (why == NULL) {
		why = handle_failure(&c->handle, leave(c, MEMBERSHIP_LEFT));
	}
	call_end(&c->handle);
	if (time_limit_end(&limit) && why == &FAILURE_NOT_CONNECTED) {
		c->handle.reason = why = &failure_unanswered;
	}
	return why;
}

/***
Leaves the group. The leave is complete once config_change lists this process in `left`. Blocks while the membership
is changing, or Corosync is paused. With `pack`, sends all accepted messages first, and fails with "try_again" if it
cannot. Calls `cpg_leave`, with the joined name only.
@function handle:leave
@tparam[opt] number seconds how long to wait for Corosync's reply. Then it closes the connection, and fails with
"not_connected" within 2 s; the others see "procdown" when Corosync continues. Without it, or with
`qb_ipc_type: socket`, there is no limit.
@treturn boolean true
@error nil, message, code: "not_joined", "try_again", "not_connected", "closed", "wrong_process"
*/
int cpg_membership_method_leave(lua_State *L)
{
	cpg *c = handle_check(L);
	double seconds = (double)luaL_optnumber(L, 2, HUGE_VAL);
	const failure *why = cpg_group_not_member(c);

	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	/* Accepted messages must be sent before the leave. */
	if (why == NULL && c->pack != NULL) {
		why = cpg_pack_flush(c);
	}
	/* Checked before taking the locks, too: in a fork, no thread would release them. */
	if (why == NULL) {
		why = leave_within(c, seconds);
	}
	return cpg_group_return(L, c, "leave", why);
}

/* The group to list, by the argument or else the joined one; returns NULL, or why it cannot be listed. */
static const failure *choose_group(lua_State *L, const cpg *c, struct cpg_name *name)
{
	size_t length;
	const char *given = luaL_optlstring(L, 2, NULL, &length);
	const failure *why;

	if (given == NULL) {
		*name = c->group;
		return cpg_group_not_member(c);
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
		return cpg_group_fail(L, c, "list the members of", why);
	}
	failure_push_attempt(L, "list the members of", "group", given, length);
	return failure_push(L, why);
}

/***
The members of a group as the local Corosync sees them now, which may be ahead of the events still to be handled.
Costs a request for each member, 30 µs or more, behind all other requests to Corosync, and blocks while it is paused.
Calls `cpg_iteration_initialize` for one group: `cpg_membership_get` overruns its caller's array when a group has
more than 128 members.
@function handle:members
@tparam[opt] string name a group's name; the joined group when absent
@treturn address[] empty when the group has no members
@error nil, message, code: "not_joined" (and no name given), "invalid_param", "name_too_long", "no_memory",
"not_connected", "closed", "wrong_process"
*/
int cpg_membership_method_members(lua_State *L)
{
	cpg *c = handle_check(L);
	struct cpg_name name;
	const failure *why = choose_group(L, c, &name);
	cs_error_t error;

	if (why != NULL) {
		return fail_members(L, c, why);
	}
	lua_settop(L, 2);
	compat_getuservalue(L, 1);
	lua_rawgeti(L, 3, VALUE_ADDRESSES);
	error = cpg_iteration_push_members(L, c, &name, 4);
	return error == CS_OK ? 1 : fail_members(L, c, handle_failure(&c->handle, error));
}

/***
Iterates over every group in the cluster: `for name, members in assert(handle:groups()) do … end`.
The list is read at the call, so the loop may be left early. Names are bytes: some programs' names end in NUL.
Corosync sends ring changes to every handle, also to one that has not joined: dispatch a handle opened only for this,
too. Costs a request for each member of each group, as `members` does.
Calls `cpg_iteration_initialize` and its companions.
@function handle:groups
@treturn fun():(string,address[]) an iterator that returns a group's name and its members
@error nil, message, code: "not_connected", "no_memory", "closed", "wrong_process"
*/
int cpg_membership_method_groups(lua_State *L)
{
	cpg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);
	cs_error_t error;

	if (why == NULL) {
		lua_settop(L, 1);
		compat_getuservalue(L, 1);
		lua_rawgeti(L, 2, VALUE_ADDRESSES);
		error = cpg_iteration_push_groups(L, c, 3);
		if (error == CS_OK) {
			return 1;
		}
		why = handle_failure(&c->handle, error);
	}
	return failure_push_text(L, "list the groups", why);
}
