/*
 * The least that Lua costs on libcpg: a message becomes a string in libcpg's own callback, which calls a Lua function,
 * and nothing is protected. Module `least`, for one group in one state. No binding can be built so: an error, or a
 * handler that closes the group, would jump across libcpg's frame.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include <corosync/cpg.h>

typedef struct member {
	lua_State *L; /* that dispatches: handler and own address are at AT_HANDLER and AT_ADDRESS */
	cpg_handle_t id;
	uint32_t node, pid;
	int fd;
	int joined;
} member;

enum { AT_MEMBER = 1, AT_HANDLER, AT_ADDRESS, AT_MILLISECONDS };

/* The one member, a global because cpg_context_get costs a look-up and two locks a message. */
static member *present;

static void on_message(
	cpg_handle_t id, const struct cpg_name *group, uint32_t node, uint32_t pid, void *bytes, size_t length)
{
	const member *m = present;

	(void)id;
	(void)group;
	lua_pushvalue(m->L, AT_HANDLER);
	if (node == m->node && pid == m->pid) {
		lua_pushvalue(m->L, AT_ADDRESS);
	} else {
		lua_pushnil(m->L);
	}
	lua_pushlstring(m->L, bytes, length);
	lua_call(m->L, 2, 0);
}

static void on_config(cpg_handle_t id, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count, const struct cpg_address *joined,
	size_t joined_count)
{
	(void)id;
	(void)group;
	(void)members;
	(void)members_count;
	(void)left;
	(void)left_count;
	(void)joined;
	(void)joined_count;
	present->joined = 1;
}

/* join(name): a member. */
static int join(lua_State *L)
{
	cpg_model_v1_data_t model = {.model = CPG_MODEL_V1, .cpg_deliver_fn = on_message, .cpg_confchg_fn = on_config};
	const char *name = luaL_checkstring(L, 1);
	member *m = lua_newuserdata(L, sizeof *m);
	struct cpg_name group = {0};

	memset(m, 0, sizeof *m);
	present = m;
	m->pid = (uint32_t)getpid();
	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "%s", name);
	if (cpg_model_initialize(&m->id, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL) != CS_OK ||
		cpg_local_get(m->id, &m->node) != CS_OK || cpg_fd_get(m->id, &m->fd) != CS_OK ||
		cpg_join(m->id, &group) != CS_OK) {
		return luaL_error(L, "cannot join");
	}
	return 1;
}

/* mcast(member, message): whether it was taken. */
static int mcast(lua_State *L)
{
	const member *m = lua_touserdata(L, AT_MEMBER);
	struct iovec part;

	part.iov_base = (void *)(uintptr_t)luaL_checklstring(L, 2, &part.iov_len);
	lua_pushboolean(L, cpg_mcast_joined(m->id, CPG_TYPE_AGREED, &part, 1) == CS_OK);
	return 1;
}

/* turn(member, handler, own address, milliseconds): waits, and handles what is there. Answers whether it has joined. */
static int turn(lua_State *L)
{
	member *m = lua_touserdata(L, AT_MEMBER);
	struct pollfd descriptor = {.fd = m->fd, .events = POLLIN};

	m->L = L;
	if (poll(&descriptor, 1, (int)lua_tointeger(L, AT_MILLISECONDS)) > 0 &&
		cpg_dispatch(m->id, CS_DISPATCH_ALL) != CS_OK) {
		return luaL_error(L, "cannot dispatch");
	}
	lua_pushboolean(L, m->joined);
	return 1;
}

int luaopen_least(lua_State *L);

int luaopen_least(lua_State *L)
{
	static const luaL_Reg functions[] = {{"join", join}, {"mcast", mcast}, {"turn", turn}, {NULL, NULL}};

	luaL_newlib(L, functions);
	return 1;
}
