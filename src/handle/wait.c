#include "handle/wait.h"

#include <errno.h>
#include <math.h>
#include <poll.h>

#include "support/clock.h"
#include "support/pid.h"

/***
@module corosync.handle
*/

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
bool poll_readable(lua_State *L, int fd, bool forever, double seconds)
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
	lua_pushboolean(L, queue_head(&h->queue) != NULL || poll_readable(L, handle_descriptor(h), forever, seconds));
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
	bool is_ours = h->state != HANDLE_CLOSED && h->owner == pid_get();

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

const luaL_Reg wait_methods[] = {
	{"events", method_events},
	{"fd", method_fd},
	{"pollfd", method_pollfd},
	{"timeout", method_timeout},
	{"wait", method_wait},
	{NULL, NULL},
};
