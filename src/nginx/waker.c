#include "nginx/waker.h"

#include <errno.h>
#include <string.h>

#include "nginx/waker_thread.h"
#include "support/pid.h"
#include "support/userdata.h"

#define WAKER "corosync.waker"
#define WATCH "corosync.waker.watch"

/* ---- the waker ---- */

/* In a fork the thread does not exist, and the descriptors are its parent's, too. */
static void finalize(waker *w)
{
	cleanup_forget(&w->cleanup);
	if (w->epoll >= 0 && w->owner == pid_get()) {
		waker_thread_end(w);
	}
}

static void end(cleanup *c)
{
	finalize(CLEANUP_OF(waker, c));
}

int waker_open(lua_State *L)
{
	waker *w = compat_newuserdata(L, sizeof *w);
	int error;

	memset(w, 0, sizeof *w);
	w->epoll = w->stop = -1;
	w->owner = pid_get();
	luaL_setmetatable(L, WAKER);
	if (!cleanup_register(L, &w->cleanup, end)) {
		return failure_push_text(L, "start the waker's thread", &FAILURE_STATE_CLOSING);
	}
	error = waker_thread_start(w);
	if (error != 0) {
		finalize(w);
		return failure_push_system(L, "start the waker's thread", error);
	}
	return 1;
}

static int method_close(lua_State *L)
{
	finalize(luaL_checkudata(L, 1, WAKER));
	return 0;
}

/* ---- watches ---- */

/* The watch counts as closed until it is complete, and keeps its waker as its user value. */
static watch *new_watch(lua_State *L, waker *w, int fd, double period)
{
	watch *each = compat_newuserdata(L, sizeof *each);

	memset(each, 0, sizeof *each);
	wake_socket_init(&each->socket);
	each->owner = w->owner;
	each->fd = fd;
	each->period = period;
	luaL_setmetatable(L, WATCH);
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, 1);
	compat_setuservalue(L, -2);
	return each;
}

static int method_watch(lua_State *L)
{
	waker *w = luaL_checkudata(L, 1, WAKER);
	int fd = (int)luaL_checkinteger(L, 2);
	const char *directory = luaL_checkstring(L, 3);
	double period = luaL_checknumber(L, 4);
	watch *each;
	int error;

	luaL_argcheck(L, period > 0 && period <= WAKER_LONGEST_PERIOD, 4, "up to 86400 seconds expected");
	each = new_watch(L, w, fd, period);
	/* Not before: making the watch may have run a finalizer that closed the waker. */
	if (w->epoll < 0 || w->owner != pid_get()) {
		return failure_push_text(L, "watch a connection", w->epoll < 0 ? &FAILURE_CLOSED : &FAILURE_WRONG_PROCESS);
	}
	if (!wake_socket_open(&each->socket, directory)) {
		error = errno;
		lua_pushfstring(L, "make a socket in %s", directory);
		return failure_push_system(L, lua_tostring(L, -1), error);
	}
	error = waker_thread_add(w, each);
	if (error != 0) {
		return failure_push_system(L, "watch a connection", error);
	}
	return 1;
}

static watch *check_watch(lua_State *L)
{
	return luaL_checkudata(L, 1, WATCH);
}

static const failure *unusable(const watch *each)
{
	return each->owner != pid_get() ? &FAILURE_WRONG_PROCESS : each->waker == NULL ? &FAILURE_CLOSED : NULL;
}

static int watch_path(lua_State *L)
{
	watch *each = check_watch(L);
	const failure *why = unusable(each);
	struct sockaddr_un address = {0};

	if (why == NULL) {
		address = waker_thread_address(each);
		why = address.sun_path[0] == '\0' ? &FAILURE_CLOSED : NULL;
	}
	if (why != NULL) {
		return failure_push_text(L, "get a socket's path", why);
	}
	lua_pushstring(L, address.sun_path);
	return 1;
}

static int watch_arm(lua_State *L)
{
	watch *each = check_watch(L);
	const failure *why = unusable(each);
	int error;

	if (why != NULL) {
		return failure_push_text(L, "wait for a connection", why);
	}
	error = waker_thread_arm(each);
	return error == 0 ? success_push(L) : failure_push_system(L, "wait for a connection", error);
}

static int watch_ring(lua_State *L)
{
	watch *each = check_watch(L);

	if (unusable(each) == NULL) {
		waker_thread_ring(each);
	}
	return 0;
}

static int watch_close(lua_State *L)
{
	watch *each = check_watch(L);

	if (unusable(each) == NULL) {
		waker_thread_remove(each);
	}
	return 0;
}

static const luaL_Reg waker_methods[] = {
	{"__gc", method_close},
	{"close", method_close},
	{"watch", method_watch},
	{NULL, NULL},
};

static const luaL_Reg watch_methods[] = {
	{"__gc", watch_close},
	{"arm", watch_arm},
	{"close", watch_close},
	{"path", watch_path},
	{"ring", watch_ring},
	{NULL, NULL},
};

void waker_setup(lua_State *L)
{
	userdata_setup(L, WAKER, waker_methods);
	userdata_setup(L, WATCH, watch_methods);
}
