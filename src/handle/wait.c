#include "handle/methods.h"

#include "handle/connection.h"
#include "support/pid.h"
#include "support/poll.h"

/***
@module corosync.handle
*/

/***
Waits until an event may be there. A signal does not end it, unless the signal's handler sets a hook that raises, as the
lua program's does for Ctrl-C.
@function handle:wait
@tparam[opt] number seconds the longest wait; without it there is no limit
@treturn boolean true when dispatch or receive have something to do, false after that time
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_wait(lua_State *L)
{
	handle *h = handle_check(L);
	bool forever = lua_isnoneornil(L, 2);
	double seconds = forever ? 0 : (double)luaL_checknumber(L, 2);
	const failure *why;

	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	why = connection_exhausted(h);
	if (why != NULL) {
		return handle_fail(L, h, "wait for", why);
	}
	handle_flush(h);
	lua_pushboolean(L, queue_head(&h->queue) != NULL || poll_readable(L, connection_descriptor(h), forever, seconds));
	return 1;
}

/***
The descriptor that is readable when events wait. Only wait for it: reading it breaks the connection.
Events already fetched do not make it readable: dispatch until it returns that no more wait.
Calls `cpg_fd_get` and the like.
@function handle:fd
@treturn integer the descriptor
@error nil, message, code: "closed", "wrong_process", "not_connected"
*/
static int method_fd(lua_State *L)
{
	handle *h = handle_check(L);
	const failure *why = handle_unusable(h);

	if (why != NULL) {
		return handle_fail(L, h, "get the descriptor of", why);
	}
	lua_pushinteger(L, connection_descriptor(h));
	return 1;
}

/* ---- methods that cqueues' controllers call ---- */

/***
The descriptor, for controllers of [cqueues](https://github.com/wahern/cqueues): with this method and the next two,
`cqueues.poll(handle)` waits for events.

A controller keeps a descriptor at least until the coroutine that polled it polls something else or ends. Call
`cqueues.cancel(handle)` before `close`: otherwise cqueues raises an error in the coroutine, or never notices a later
descriptor of the same number. `cancel` also wakes the coroutines that poll the handle, which is useful after a `fetch`,
because the descriptor does not show fetched events. A group does this by itself.
@function handle:pollfd
@treturn integer the descriptor, also of a lost connection; -1, which cqueues ignores, when the handle is closed or was
opened by the process from which this one was forked
@usage
controller:wrap(function()
  repeat
    local event, address, message = handle:receive()
    if event == "message" then
      print(address, message)
    elseif not event and not address then
      cqueues.poll(handle)
    end
  until not event and address -- address is the error message
  cqueues.cancel(handle)
  handle:close()
end)
*/
static int method_pollfd(lua_State *L)
{
	const handle *h = handle_check(L);
	bool is_ours = h->state != HANDLE_CLOSED && h->owner == pid_get();

	lua_pushinteger(L, is_ours ? connection_descriptor(h) : -1);
	return 1;
}

/***
The condition to wait for on the descriptor, for cqueues.
@function handle:events
@treturn string "r": until it is readable
*/
static int method_events(lua_State *L)
{
	(void)handle_check(L);
	lua_pushliteral(L, "r");
	return 1;
}

/***
How long to wait for the descriptor, for cqueues.
@function handle:timeout
@treturn integer|nil 0 seconds when there is something to do that the descriptor does not show: fetched events, or
a failure to report; else nil, no limit
*/
static int method_timeout(lua_State *L)
{
	const handle *h = handle_check(L);

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
