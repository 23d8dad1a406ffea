#include "handle.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "call.h"
#include "clock.h"
#include "delivery.h"
#include "process.h"
#include "reader.h"
#include "tables.h"
#include "tracking.h"
#include "watchdog.h"

/***
What the handles of all of Corosync's libraries have in common.
Run-time failures answer nil, a message for people, and a code for programs; wrong arguments raise.

**Threads.** A handle belongs to its Lua state, and a process may have many states, each in its thread: they share
nothing but a lock that opening and closing take, also of trackers, so that an open (15 ms) waits for another. C code of
the same program that opens or closes Corosync handles itself does not know the lock: let it do so while no other thread
does. Tables of libqb's, one for the handles of each library and one for trackers, move as they grow to 48 entries, and
after that every 32: a process that has so many open at once must open them before more than one of its threads
dispatches.
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

static const failure failure_impostor = {"access",
	"the socket of that name belongs to a program of another user than root and this one, and Corosync's must not: is "
	"corosync running? (if it runs as another user, name that one by the field daemon_user)"};

/* Whose the daemon must be. [-0, +0, -] */
static uid_t daemon_user(lua_State *L, int handlers)
{
	uid_t user = NO_USER;

	lua_pushliteral(L, "daemon_user");
	lua_rawget(L, handlers);
	if (lua_isnumber(L, -1)) {
		user = (uid_t)lua_tonumber(L, -1);
	}
	lua_pop(L, 1);
	return user;
}

static void end(ending *e)
{
	handle_finalize(ENDING_OF(handle, e));
}

void *handle_new(lua_State *L, const handle_class *class, size_t size, int handlers)
{
	handle *h;

	handlers = lua_absindex(L, handlers);
	h = compat_newuserdata(L, size);
	memset(h, 0, size);
	h->class = class;
	h->state = HANDLE_CLOSED;
	h->owner = process_id();
	h->daemon_user = daemon_user(L, handlers);
	h->watchdog = watchdog_of(L);
	luaL_setmetatable(L, class->type);
	if (!ending_expect(L, &h->ending, end)) {
		h->reason = &FAILURE_ENDING;
	}
	lua_createtable(L, VALUE_MEMBERS, 0);
	lua_pushvalue(L, handlers);
	lua_rawseti(L, -2, VALUE_HANDLERS);
	address_push_cache(L);
	lua_rawseti(L, -2, VALUE_ADDRESSES);
	compat_setuservalue(L, -2);
	return h;
}

/* Sockets of Corosync's are abstract: while it is down, any program can take their names. */
static bool is_trusted(const handle *h)
{
	struct ucred daemon;
	socklen_t length = sizeof daemon;

	if (getsockopt(h->fd, SOL_SOCKET, SO_PEERCRED, &daemon, &length) != 0) {
		return false;
	}
	return h->daemon_user == NO_USER ? daemon.uid == 0 || daemon.uid == geteuid() : daemon.uid == h->daemon_user;
}

cs_error_t handle_opened(handle *h, uint64_t id)
{
	cs_error_t error = h->class->fd_get(id, &h->fd);

	if (error != CS_OK) {
		return error;
	}
	if (h->reason != NULL) {
		return CS_ERR_ACCESS;
	}
	if (!is_trusted(h)) {
		h->reason = &failure_impostor;
		return CS_ERR_ACCESS;
	}
	h->id = id;
	h->state = HANDLE_OPEN;
	return CS_OK;
}

/* A fork's copy shares the parent's connection: hands off. */
void handle_finalize(handle *h)
{
	ending_forget(&h->ending);
	if (h->state != HANDLE_CLOSED && h->owner == process_id()) {
		reader_end(h);
		call_begin(h, "close", NULL, 0);
		tables_lock();
		(void)h->class->finalize(h);
		tables_unlock();
		call_end(h);
	}
	h->state = HANDLE_CLOSED;
	h->fd = -1;
	if (h->busy == HANDLE_IDLE) {
		queue_free(&h->queue);
	}
}

int handle_open_failed(lua_State *L, handle *h, cs_error_t error)
{
	const failure *why = h->reason;

	/* Who is to try again must not have the connection until the collector comes. */
	handle_finalize(h);
	if (why == NULL) {
		why = error == CS_ERR_LIBRARY || error == CS_ERR_NOT_EXIST ? &FAILURE_UNREACHABLE
			: error == CS_ERR_ACCESS ? &FAILURE_NOT_ALLOWED
			: failure_of(error);
	}
	lua_pushfstring(L, "reach Corosync's %s service", h->class->service);
	return failure_push(L, why);
}

const failure *handle_unusable(const handle *h)
{
	if (h->state == HANDLE_CLOSED) {
		return &FAILURE_CLOSED;
	}
	if (h->owner != process_id()) {
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

static bool hung_up(const handle *h)
{
	struct pollfd descriptor = {.fd = h->fd, .events = POLLIN};

	return poll(&descriptor, 1, 0) > 0 && (descriptor.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

const failure *handle_diagnose(const handle *h, cs_error_t error)
{
	/* A daemon that dies under load leaves its flow control on: libqb then answers TRY_AGAIN for ever. */
	bool suspicious = error == CS_ERR_LIBRARY || error == CS_ERR_TRY_AGAIN;
	bool is_lost = (suspicious && hung_up(h)) || error == CS_ERR_BAD_HANDLE;

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
	return hung_up(h) ? CS_ERR_LIBRARY : error;
}

/* ---- waiting ---- */

int handle_descriptor(const handle *h)
{
	return h->reader == NULL ? h->fd : reader_descriptor(h->reader);
}

/* poll(2) counts whole milliseconds in an int: rounded up, so that a wait is never shorter than asked. */
static int milliseconds(double seconds)
{
	double rounded = ceil(seconds * 1000);

	return rounded <= 0 ? 0 : rounded >= 1e9 ? 1000000000 : (int)rounded;
}

static int nothing(lua_State *L)
{
	(void)L;
	return 0;
}

/* A signal's handler may have set a hook that raises, as lua's does for Ctrl-C: its time is at the next call. [-0, +0, e] */
static void run_hooks(lua_State *L)
{
	if (L != NULL) {
		lua_pushcfunction(L, nothing);
		lua_call(L, 0, 0);
	}
}

/* A signal only restarts the wait for the time that is left. */
bool handle_wait_readable(lua_State *L, int fd, bool forever, double seconds)
{
	struct pollfd descriptor = {.fd = fd, .events = POLLIN};
	double deadline = forever || seconds == 0 ? 0 : clock_seconds() + seconds;
	int ready = poll(&descriptor, 1, forever ? -1 : milliseconds(seconds));

	while ((ready < 0 && errno == EINTR) || (ready == 0 && clock_seconds() < deadline)) {
		if (ready < 0) {
			run_hooks(L);
		}
		ready = poll(&descriptor, 1, forever ? -1 : milliseconds(deadline - clock_seconds()));
	}
	return ready > 0;
}

/***
Waits until an event may be there. Signals do not end it, but for the error that a hook raises which they have set: the
lua program's for Ctrl-C.
@function handle:wait
@tparam[opt] number seconds the longest to wait; for ever when absent
@treturn boolean true when dispatch or receive have something to do, false when the time is over
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_wait(lua_State *L)
{
	handle *h = handle_check_shared(L);
	bool forever = lua_isnoneornil(L, 2);
	double seconds = forever ? 0 : (double)luaL_checknumber(L, 2);
	const failure *why;

	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	why = handle_exhausted(h);
	if (why != NULL) {
		return handle_fail(L, h, "wait for", why);
	}
	lua_pushboolean(L, queue_head(&h->queue) != NULL || handle_wait_readable(L, handle_descriptor(h), forever, seconds));
	return 1;
}

/***
The descriptor that is readable when events wait. Only wait for it: reading it breaks the connection.
Events already fetched do not show on it: dispatch until it answers that no more wait.
Stands on `cpg_fd_get` and its like.
@function handle:fd
@treturn integer the descriptor
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_fd(lua_State *L)
{
	handle *h = handle_check_shared(L);
	const failure *why = handle_unusable(h);

	if (why != NULL) {
		return handle_fail(L, h, "give the descriptor of", why);
	}
	lua_pushinteger(L, handle_descriptor(h));
	return 1;
}

/* ---- what cqueues' controllers ask of what they poll ---- */

/***
The descriptor, for controllers of [cqueues](https://github.com/wahern/cqueues): with this method and the next two,
`cqueues.poll(handle)` waits for events.

A controller keeps a descriptor at least until the coroutine that polled it polls something else or ends. It must forget
it before `close`, with `cqueues.cancel(handle)`: otherwise the coroutine dies of an error of cqueues', or a later
descriptor of the same number is never noticed. This also wakes the coroutines that poll the handle, and so helps after a
`fetch`, which takes from the descriptor what they wait for. A group needs nothing of this.
@function handle:pollfd
@treturn integer the descriptor, also of a lost connection; -1, which cqueues ignores, when the handle is closed or was
opened by a process of which this one is a fork
@usage
controller:wrap(function()
  repeat
    local event, address, message = handle:receive()
    if event == "message" then
      print(address, message)
    elseif not event and not address then
      cqueues.poll(handle)
    end
  until not event and address -- why there is no more
  cqueues.cancel(handle)
  handle:close()
end)
*/
static int method_pollfd(lua_State *L)
{
	const handle *h = handle_check_shared(L);
	bool is_ours = h->state != HANDLE_CLOSED && h->owner == process_id();

	lua_pushinteger(L, is_ours ? handle_descriptor(h) : -1);
	return 1;
}

/***
What to wait for on the descriptor, for cqueues.
@function handle:events
@treturn string "r": until it is readable
*/
static int method_events(lua_State *L)
{
	(void)handle_check_shared(L);
	lua_pushliteral(L, "r");
	return 1;
}

/***
How long to wait for the descriptor, for cqueues.
@function handle:timeout
@treturn integer|nil 0 seconds when there is something to do that the descriptor does not show: events that were
fetched, or to learn why there will be none; else nil, for ever
*/
static int method_timeout(lua_State *L)
{
	const handle *h = handle_check_shared(L);

	if (handle_unusable(h) == NULL && queue_head(&h->queue) == NULL) {
		lua_pushnil(L);
	} else {
		lua_pushinteger(L, 0);
	}
	return 1;
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

	if (h->state != HANDLE_CLOSED && h->owner != process_id()) {
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
	{"events", method_events},
	{"fd", method_fd},
	{"pollfd", method_pollfd},
	{"timeout", method_timeout},
	{"wait", method_wait},
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
		lua_pushlightuserdata(L, (void *)(uintptr_t)class);
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
	delivery_keep(L, class);
	lua_newtable(L);
	set_functions(L, metatable, class, shared_methods);
	set_functions(L, metatable, class, delivery_methods);
	if (class->trackstart != NULL) {
		set_functions(L, metatable, class, tracking_methods);
	}
	set_functions(L, metatable, class, methods);
	lua_setfield(L, metatable, "__index");
	/* Scripts must not reach __gc, nor give a handle another metatable. */
	lua_pushliteral(L, "locked");
	lua_setfield(L, metatable, "__metatable");
	lua_pop(L, 1);
}
