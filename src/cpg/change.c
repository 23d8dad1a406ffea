#include "cpg/cpg.h"

#include <string.h>

#include "support/userdata.h"

static const failure failure_unlisted = {"not_connected",
	"a group with more than 128 members has changed, which libcpg does not list, and Corosync's own list could not be "
	"read: close the handle and join again with another"};

/* ---- working out a change ---- */

/* Pushes a change without its addresses. [-0, +1, m] */
static config_change *push_change(lua_State *L, uint64_t serial, size_t members, size_t left, size_t joined)
{
	size_t count = members + left + joined;
	config_change *change = compat_newuserdata(L, sizeof *change + count * sizeof *change->addresses);

	*change = (config_change){.serial = serial, .members = members, .left = left, .joined = joined, .is_told = true};
	return change;
}

static struct cpg_address *put(struct cpg_address *to, const cpg_address_list *from)
{
	if (from->count > 0) {
		memcpy(to, from->items, from->count * sizeof *to);
	}
	return to + from->count;
}

/* Argument: the resolution as light userdata. */
static int build_change(lua_State *L)
{
	const resolution *r = lua_touserdata(L, 1);
	config_change *change = push_change(L, r->serial, r->members.count, r->left.count, r->joined.count);
	struct cpg_address *to = put(change->addresses, &r->members);

	to = put(to, &r->left);
	(void)put(to, &r->joined);
	change->is_told = r->left.count + r->joined.count > 0;
	return 1;
}

static void release(void *source)
{
	cpg_resolve_release(source);
}

/* Pushes the change of the queue's oldest event; returns false and pushes nothing if Corosync fails. [-0, +1|0, m] */
static bool push_resolved(lua_State *L, cpg *c, const config_change *last)
{
	resolution r = {0};
	cs_error_t error;

	lua_pushcfunction(L, build_change);
	lua_pushlightuserdata(L, &r);
	error = cpg_resolve(c, last, &r);
	if (error == CS_OK) {
		userdata_build(L, 1, 1, release, &r);
		return true;
	}
	cpg_resolve_release(&r);
	lua_pop(L, 2);
	if (error == CS_ERR_NO_MEMORY) {
		(void)luaL_error(L, "not enough memory for the members of a large group: the event stays queued");
	}
	(void)handle_failure(&c->handle, error);
	handle_lose(&c->handle, &failure_unlisted);
	return false;
}

/* Whether an event's lists are right. Up to 128 members they always are, whatever the change before. */
static bool is_as_told(const config_event *ev, const config_change *last)
{
	size_t before = last == NULL ? 0 : last->members;

	return ev->is_whole && (before <= CPG_MEMBERS_MAX || before + ev->joined == ev->members_after + ev->left);
}

/* [-0, +1, m] */
static void push_as_told(lua_State *L, const config_event *ev)
{
	config_change *change = push_change(L, ev->serial, ev->members, ev->left, ev->joined);
	size_t count = ev->members + ev->left + ev->joined;

	if (count > 0) {
		memcpy(change->addresses, ev->addresses, count * sizeof *change->addresses);
	}
}

static const config_change *last_change(lua_State *L, int values)
{
	const config_change *change;

	lua_rawgeti(L, values, VALUE_CHANGE);
	change = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return change;
}

/* The change of an event, kept in the user value; NULL if it cannot be worked out. [-0, +0, m] */
static const config_change *work_out(lua_State *L, cpg *c, const config_event *ev, int values)
{
	const config_change *last = last_change(L, values);

	/* A finalizer may have raised an error before the event left the queue. */
	if (last != NULL && last->serial == ev->serial) {
		return last;
	}
	if (is_as_told(ev, last)) {
		push_as_told(L, ev);
	} else if (!push_resolved(L, c, last)) {
		c->members_unknown = true;
		return NULL;
	}
	lua_rawseti(L, values, VALUE_CHANGE);
	return last_change(L, values);
}

/* ---- as Lua values ---- */

static const char *reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[CPG_REASON_JOIN] = "join",
		[CPG_REASON_LEAVE] = "leave",
		[CPG_REASON_NODEDOWN] = "nodedown",
		[CPG_REASON_NODEUP] = "nodeup",
		[CPG_REASON_PROCDOWN] = "procdown",
	};

	return reason < sizeof names / sizeof *names ? names[reason] : NULL;
}

/* Pushes an array of addresses. [-0, +1, m] */
static void push_addresses(lua_State *L, int cache, const struct cpg_address *addresses, size_t count)
{
	size_t i;

	lua_createtable(L, (int)count, 0);
	for (i = 0; i < count; i++) {
		cpg_address_push(L, cache, addresses[i].nodeid, addresses[i].pid);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

/* Pushes an array of addresses of members that joined or left, and sets the reason in each. [-0, +1, m] */
static void push_changes(lua_State *L, int cache, const struct cpg_address *addresses, size_t count)
{
	size_t i;

	push_addresses(L, cache, addresses, count);
	for (i = 0; i < count; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		lua_pushstring(L, reason_name(addresses[i].reason));
		lua_setfield(L, -2, "reason");
		lua_pop(L, 1);
	}
}

/*
 * Keeps the members' addresses alive, so that a message from one of them finds its address in the cache. In a table of
 * its own, because the handler may change the one that it gets.
 */
int cpg_change_push(lua_State *L, handle *h, const event *ev, int values)
{
	cpg *c = (cpg *)h;
	const config_change *change = c->members_unknown ? NULL : work_out(L, c, (const config_event *)ev, values);
	const struct cpg_address *left;
	int cache;

	if (change == NULL || !change->is_told) {
		return EVENT_DROPPED;
	}
	left = change->addresses + change->members;
	lua_rawgeti(L, values, VALUE_ADDRESSES);
	cache = lua_gettop(L);
	push_addresses(L, cache, change->addresses, change->members);
	push_addresses(L, cache, change->addresses, change->members);
	lua_rawseti(L, values, VALUE_MEMBERS);
	push_changes(L, cache, left, change->left);
	push_changes(L, cache, left + change->left, change->joined);
	lua_remove(L, cache);
	return 3;
}
