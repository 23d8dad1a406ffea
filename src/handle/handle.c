#include "handle/handle.h"

#include <poll.h>
#include <string.h>

#include "cpg/address.h"
#include "handle/dispatch.h"
#include "support/field.h"
#include "support/userdata.h"
#include "support/pid.h"
#include "handle/reader.h"
#include "support/libqb_lock.h"
#include "handle/track.h"
#include "handle/wait.h"
#include "handle/watchdog.h"

/* Milliseconds, from a call that fails since the daemon ends to the hang-up, where these are two sockets. */
#define HANG_UP_GRACE 100

/***
What the handles of all of Corosync's libraries have in common.
Run-time failures answer nil, a message for people, and a code for programs; wrong arguments raise.

__Threads.__ A handle belongs to its Lua state, and a process may have many states, each in its thread: they share
nothing but a lock that opening and closing take, also of trackers, so that an open (15 ms) waits for another. A fork
waits for it as well, not to leave the child a lock that no thread of its own releases: while Corosync is stopped, and an
open or a reader's leaving waits for it, so does a fork. C code of the same program that opens or closes Corosync handles
itself does not know the lock: let it do so while no other thread does. Tables of libqb's, one for the handles of each
library and one for trackers, move as they grow to 48 entries, and after that every 32: a process that has so many open at
once must open them before more than one of its threads dispatches.

__Codes.__ Each function lists the codes that it has reasons of its own for. Those that ask Corosync can also fail with
"try_again", when its queue is full, and a handle whose connection is lost fails with the reason, everywhere:
"not_connected", "no_memory" (an event could not be kept) or "overflow" (a reader met its limit).
@module corosync.handle
*/

handle *handle_check_shared(lua_State *L)
{
	return handle_check(L, lua_touserdata(L, lua_upvalueindex(UPVALUE_CLASS)));
}

void *handle_check(lua_State *L, const handle_class *class)
{
	void *found = lua_touserdata(L, 1);

	/* luaL_checkudata looks the metatable up by its name, for each call. */
	if (found != NULL && lua_getmetatable(L, 1)) {
		bool is_one = lua_rawequal(L, -1, lua_upvalueindex(UPVALUE_METATABLE));
		lua_pop(L, 1);
		if (is_one) {
			return found;
		}
	}
	return luaL_checkudata(L, 1, class->type);
}

int handle_fail(lua_State *L, const handle *h, const char *what, const failure *why)
{
	lua_pushfstring(L, "%s %s", what, h->class->service);
	return failure_push(L, why);
}

int handle_answer(lua_State *L, const handle *h, const char *what, const failure *why)
{
	if (why != NULL) {
		return handle_fail(L, h, what, why);
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- life ---- */

/* Whose the daemon must be. [-0, +0, v] */
static uid_t daemon_user(lua_State *L, int handlers)
{
	static const field f = {"daemon_user", field_check_user};
	uid_t user = NO_USER;

	field_push_at(L, handlers, &f);
	if (!lua_isnil(L, -1)) {
		user = (uid_t)lua_tonumber(L, -1);
	}
	lua_pop(L, 1);
	return user;
}

static void end(cleanup *e)
{
	handle_finalize(CLEANUP_OF(handle, e));
}

void *handle_new(lua_State *L, const handle_class *class, size_t size, int handlers)
{
	handle *h;

	handlers = lua_absindex(L, handlers);
	h = compat_newuserdata(L, size);
	memset(h, 0, size);
	h->class = class;
	h->state = HANDLE_CLOSED;
	h->fd = h->peer = h->awaited = -1;
	h->owner = pid_get();
	h->daemon_user = daemon_user(L, handlers);
	h->watchdog = watchdog_of(L);
	luaL_setmetatable(L, class->type);
	if (!cleanup_register(L, &h->cleanup, end)) {
		h->reason = &FAILURE_STATE_CLOSING;
	}
	lua_createtable(L, VALUE_CHANGE, 0);
	lua_pushvalue(L, handlers);
	lua_rawseti(L, -2, VALUE_HANDLERS);
	address_push_cache(L);
	lua_rawseti(L, -2, VALUE_ADDRESSES);
	compat_setuservalue(L, -2);
	return h;
}

/* The reader's end is waited for, and it may be in a call. */
static void close_connection(handle *h)
{
	size_t length = 0;
	const char *subject = h->class->subject != NULL ? h->class->subject(h, &length) : NULL;

	watchdog_enter(h->watchdog, h->class, "close", subject, length);
	reader_end(h);
	libqb_lock();
	(void)h->class->finalize(h);
	libqb_unlock();
	watchdog_leave(h->watchdog);
}

/* What the handle has beside libqb's descriptor. */
static void close_companions(handle *h)
{
	if (h->awaited != h->fd) {
		userdata_close_fd(&h->awaited);
	}
	if (h->peer != h->fd) {
		peer_disconnect(&h->peer);
	}
}

/* A fork's copy shares the parent's connection: hands off. */
void handle_finalize(handle *h)
{
	cleanup_forget(&h->cleanup);
	if (h->owner == pid_get()) {
		if (h->state != HANDLE_CLOSED) {
			close_connection(h);
		}
		close_companions(h);
	}
	h->state = HANDLE_CLOSED;
	h->fd = h->peer = h->awaited = -1;
	if (h->busy == HANDLE_IDLE) {
		queue_free(&h->queue);
	}
}

const handle *handle_find(lua_State *L, bool (*matches)(const handle *h, const void *sought), const void *sought)
{
	const cleanup *e;

	for (e = cleanup_first(L); e != NULL; e = e->next) {
		const handle *h = CLEANUP_OF(const handle, e);
		if (e->end == end && h->state != HANDLE_CLOSED && h->owner == pid_get() && matches(h, sought)) {
			return h;
		}
	}
	return NULL;
}

const failure *handle_unusable(const handle *h)
{
	if (h->state == HANDLE_CLOSED) {
		return &FAILURE_CLOSED;
	}
	if (h->owner != pid_get()) {
		return &FAILURE_WRONG_PROCESS;
	}
	return h->state == HANDLE_LOST ? h->reason : NULL;
}

const failure *handle_exhausted(const handle *h)
{
	const failure *why = handle_unusable(h);

	/* Only a lost connection leaves good events behind: a fork's queue is its parent's. */
	if (why == NULL || why != h->reason) {
		return why;
	}
	return queue_head(&h->queue) != NULL || reader_holds(h->reader) ? NULL : why;
}

void handle_lose(handle *h, const failure *reason)
{
	if (h->state == HANDLE_OPEN) {
		h->state = HANDLE_LOST;
		h->reason = reason;
	}
}

static bool hangs_up_within(const handle *h, int milliseconds)
{
	struct pollfd descriptor = {.fd = h->peer, .events = POLLIN};

	return poll(&descriptor, 1, milliseconds) > 0 && (descriptor.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

bool handle_hung_up(const handle *h)
{
	return hangs_up_within(h, 0);
}

const failure *handle_diagnose(const handle *h, cs_error_t error)
{
	/* An ending daemon's sockets close one by one: that which made a call fail may be before the one watched here. */
	int grace = error == CS_ERR_LIBRARY && h->peer != h->fd ? HANG_UP_GRACE : 0;
	/* A daemon that dies under load leaves its flow control on: libqb then answers TRY_AGAIN for ever. */
	bool suspicious = error == CS_ERR_LIBRARY || error == CS_ERR_TRY_AGAIN;
	bool is_lost = (suspicious && hangs_up_within(h, grace)) || error == CS_ERR_BAD_HANDLE;

	return is_lost ? &FAILURE_NOT_CONNECTED : failure_of(error);
}

const failure *handle_failure(handle *h, cs_error_t error)
{
	const failure *why = error == CS_OK ? NULL : handle_diagnose(h, error);

	/* A finalizer may have closed it after it was found usable. */
	if (why != NULL && h->state == HANDLE_CLOSED) {
		return &FAILURE_CLOSED;
	}
	if (why == &FAILURE_NOT_CONNECTED) {
		handle_lose(h, why);
	}
	return why;
}

cs_error_t handle_verify(const handle *h, cs_error_t error)
{
	return handle_hung_up(h) ? CS_ERR_LIBRARY : error;
}

int handle_descriptor(const handle *h)
{
	return h->reader == NULL ? h->awaited : reader_descriptor(h->reader);
}

/* ---- the end ---- */

/***
Ends the connection and drops what waits. A member that closes without leaving is seen by the others as "procdown".
Closing twice is allowed. In a forked child it answers an error and leaves the parent's connection working.
Stands on `cpg_finalize` and its like.
@function handle:close
@treturn boolean true
@error nil, message, "wrong_process"
*/
static int method_close(lua_State *L)
{
	handle *h = handle_check_shared(L);

	if (h->state != HANDLE_CLOSED && h->owner != pid_get()) {
		return handle_fail(L, h, "close", &FAILURE_WRONG_PROCESS);
	}
	handle_finalize(h);
	lua_pushboolean(L, 1);
	return 1;
}

static int method_gc(lua_State *L)
{
	handle_finalize(handle_check_shared(L));
	return 0;
}

static int method_tostring(lua_State *L)
{
	static const char *const states[] = {"closed", "open", "not connected"};
	const handle *h = handle_check_shared(L);

	lua_pushfstring(L, "%s (%s): %p", h->class->type, states[h->state], (const void *)h);
	return 1;
}

static const luaL_Reg shared_methods[] = {
	{"close", method_close},
	{NULL, NULL},
};

static const luaL_Reg metamethods[] = {
	{"__close", method_gc},
	{"__gc", method_gc},
	{"__tostring", method_tostring},
	{NULL, NULL},
};

/* Sets functions in the table on top of the stack, for the metatable at that index. [-0, +0, m] */
static void set_functions(lua_State *L, int metatable, const handle_class *class, const luaL_Reg *functions)
{
	for (; functions->name != NULL; functions++) {
		lua_pushvalue(L, metatable);
		lua_pushlightuserdata(L, (void *)(uintptr_t) class);
		lua_pushcclosure(L, functions->func, UPVALUE_CLASS);
		lua_setfield(L, -2, functions->name);
	}
}

void handle_setup(lua_State *L, const handle_class *class, const luaL_Reg *methods)
{
	int metatable;

	/* Filled also when it is there: memory may have been refused while that was done before. */
	(void)luaL_newmetatable(L, class->type);
	metatable = lua_gettop(L);
	lua_pushstring(L, class->type);
	lua_setfield(L, metatable, "__name");
	set_functions(L, metatable, class, metamethods);
	dispatch_keep(L, class);
	lua_newtable(L);
	set_functions(L, metatable, class, shared_methods);
	set_functions(L, metatable, class, wait_methods);
	set_functions(L, metatable, class, dispatch_methods);
	if (class->trackstart != NULL) {
		set_functions(L, metatable, class, track_methods);
	}
	set_functions(L, metatable, class, methods);
	lua_setfield(L, metatable, "__index");
	/* Scripts must not reach __gc, nor give a handle another metatable. */
	lua_pushliteral(L, "locked");
	lua_setfield(L, metatable, "__metatable");
	lua_pop(L, 1);
}
