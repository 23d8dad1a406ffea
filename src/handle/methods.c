#include "handle/methods.h"

#include "handle/connection.h"
#include "handle/refill.h"
#include "support/pid.h"
#include "support/userdata.h"

/***
Methods that the handles of all Corosync libraries share.
Run-time failures return nil, a message for people, and a code for programs; wrong arguments raise.

__Threads.__ A handle belongs to its Lua state, and a process may have many states, each in its thread. They share
only a lock, which opening and closing a handle or a tracker take; so an open (15 ms) waits for another. A fork
waits for the lock as well: otherwise the child would inherit it locked, without the thread that unlocks it. So while
Corosync is paused, and an open or a reader's leave waits for it, a fork waits too. C code of the same program that
opens or closes Corosync handles itself does not know the lock: it must do so while no other thread does. libqb keeps
one table of handles for each library, and one of trackers. It moves a table that grows to 48 entries, and after that
every 32: a process that has so many open at once must open them before more than one of its threads dispatches.

__Codes.__ Each function lists its own codes. Functions that call Corosync can also fail with "try_again", when its
queue is full. Every function of a handle whose connection is lost fails with the reason: "not_connected", "no_memory"
(an event could not be stored) or "overflow" (a reader reached its limit).
@module corosync.handle
*/

/***
Closes the connection and drops queued events. Other members see a member that closes without leaving as "procdown".
If Corosync does not reply within 3 s, for example because it is paused, this returns within another 2 s, and Corosync
sees the end of the connection when it continues. With `qb_ipc_type: socket` there is no limit.
Closing twice is allowed. In a forked child it fails and leaves the parent's connection open.
Calls `cpg_finalize` and the like.
@function handle:close
@treturn boolean true
@error nil, message, "wrong_process"
*/
static int method_close(lua_State *L)
{
	handle *h = handle_check(L);

	if (h->state != HANDLE_CLOSED && h->owner != pid_get()) {
		return handle_fail(L, h, "close", &FAILURE_WRONG_PROCESS);
	}
	connection_finalize(h);
	return success_push(L);
}

static int method_gc(lua_State *L)
{
	connection_finalize(handle_check(L));
	return 0;
}

static int method_tostring(lua_State *L)
{
	static const char *const states[] = {"closed", "open", "not connected"};
	const handle *h = handle_check(L);

	lua_pushfstring(L, "%s (%s): %p", h->class->type, states[h->state], (const void *)h);
	return 1;
}

static const luaL_Reg own_methods[] = {
	{"__close", method_gc},
	{"__gc", method_gc},
	{"__tostring", method_tostring},
	{"close", method_close},
	{NULL, NULL},
};

/* Sets methods in the table on top of the stack, and metamethods in the metatable at that index. [-0, +0, m] */
static void set(lua_State *L, int metatable, const handle_class *class, const luaL_Reg *functions)
{
	for (; functions->name != NULL; functions++) {
		lua_pushvalue(L, metatable);
		lua_pushlightuserdata(L, (void *)(uintptr_t) class);
		lua_pushcclosure(L, functions->func, UPVALUE_CLASS);
		lua_setfield(L, userdata_is_metamethod(functions->name) ? metatable : -2, functions->name);
	}
}

void methods_push_module(lua_State *L, const handle_class *class, const luaL_Reg *methods, lua_CFunction open)
{
	int metatable;

	/* Filled also when it exists: an earlier call may have run out of memory half-way. */
	(void)luaL_newmetatable(L, class->type);
	metatable = lua_gettop(L);
	lua_pushstring(L, class->type);
	lua_setfield(L, metatable, "__name");
	dispatch_keep(L, class);
	receive_keep(L);
	lua_newtable(L);
	set(L, metatable, class, own_methods);
	set(L, metatable, class, wait_methods);
	set(L, metatable, class, dispatch_methods);
	set(L, metatable, class, receive_methods);
	set(L, metatable, class, refill_methods);
	if (class->trackstart != NULL) {
		set(L, metatable, class, track_methods);
	}
	set(L, metatable, class, methods);
	lua_setfield(L, metatable, "__index");
	/* Scripts must not reach __gc, nor give a handle another metatable. */
	lua_pushliteral(L, "locked");
	lua_setfield(L, metatable, "__metatable");
	lua_pop(L, 1);
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, open);
	lua_setfield(L, -2, "open");
}
