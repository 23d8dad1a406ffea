#include "handle/methods.h"

#include "handle/call.h"
#include "support/field.h"

/***
Tracking: a service's notifications of changes. Methods of the handles of @{corosync.quorum},
@{corosync.votequorum} and @{corosync.cfg}.
@module corosync.tracking
*/

cs_error_t track_start(handle *h)
{
	cs_error_t error = h->tracking ? CS_OK : h->class->trackstart(h);

	h->tracking = error == CS_OK;
	return error;
}

bool track_wanted(lua_State *L, const event_kind *kinds, size_t count)
{
	bool wanted = false;
	size_t i;

	for (i = 0; i < count && !wanted; i++) {
		field_push(L, kinds[i].handler);
		wanted = !lua_isnil(L, -1);
		lua_pop(L, 1);
	}
	return wanted;
}

/***
Starts tracking: events come from now on, first the present state where there is one. A handle opened with a handler of
such an event already tracks; this method is for `receive`. Tracking twice is allowed.
Calls `quorum_trackstart`, `votequorum_trackstart`, `corosync_cfg_trackstart`.
@function handle:track
@treturn boolean true
@error nil, message, code: "try_again" (cfg only, while the membership is changing), "not_connected", "closed",
"wrong_process"
*/
static int method_track(lua_State *L)
{
	handle *h = handle_check(L);
	const failure *why = handle_unusable(h);

	if (why == NULL) {
		why = handle_failure(h, CALL(h, "track", track_start(h)));
	}
	return handle_return(L, h, "track", why);
}

/***
Stops tracking. Events that have arrived are still delivered. It does nothing on a handle that does not track.
Calls `quorum_trackstop`, `votequorum_trackstop`, `corosync_cfg_trackstop`.
@function handle:untrack
@treturn boolean true
@error nil, message, code: "try_again" (cfg only, while the membership is changing), "not_connected", "closed",
"wrong_process"
*/
static int method_untrack(lua_State *L)
{
	handle *h = handle_check(L);
	const failure *why = handle_unusable(h);

	if (why == NULL && h->tracking) {
		why = handle_failure(h, CALL(h, "untrack", h->class->trackstop(h)));
		h->tracking = why != NULL;
	}
	return handle_return(L, h, "stop tracking", why);
}

const luaL_Reg track_methods[] = {
	{"track", method_track},
	{"untrack", method_untrack},
	{NULL, NULL},
};
