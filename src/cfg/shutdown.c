#include "cfg/cfg.h"

#include "handle/call.h"
#include "handle/fetch.h"
#include "support/argument.h"
#include "support/poll.h"

/***
@module corosync.cfg
*/

static const failure failure_not_asked = {
	"access", "no request waits for this handle's reply: there was none, it has been replied to, or it has timed out"};
static const failure failure_shutdown_asked = {
	"exist", "another program has requested a shutdown, and not all trackers have replied yet: try again later"};
static const failure failure_shutdown_refused = {
	"busy", "a program that tracks shutdown requests refused it, or did not reply in time"};

typedef struct request_event {
	event event;
	uint64_t regardless;
} request_event;

/* ---- from libcfg into the queue ---- */

void cfg_shutdown_event(corosync_cfg_handle_t id, corosync_cfg_shutdown_flags_t flags)
{
	request_event *ev = (request_event *)fetch_append(0, EVENT_PAYLOAD(request_event));

	(void)id;
	if (ev != NULL) {
		ev->regardless = flags == COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS;
	}
}

/* ---- the reply ---- */

/* The daemon counts any reply for the present request: one for an older request would count as another tracker's. */
static bool newer_request_waits(const handle *h)
{
	return queue_head(&h->queue) != NULL || poll_readable(NULL, h->libqb_fd, false, 0);
}

static const failure *send_reply(cfg *c, bool allow)
{
	handle *h = &c->handle;
	corosync_cfg_shutdown_reply_flags_t flag = allow ? COROSYNC_CFG_SHUTDOWN_FLAG_YES : COROSYNC_CFG_SHUTDOWN_FLAG_NO;
	cs_error_t error = CALL(h, "reply_shutdown", corosync_cfg_replyto_shutdown(h->id, flag));

	c->has_replied = true;
	c->reply_due = error == CS_ERR_TRY_AGAIN;
	return error == CS_ERR_ACCESS ? &failure_not_asked : handle_failure(h, error);
}

static const failure *reply(cfg *c, bool allow)
{
	handle *h = &c->handle;
	const failure *why = handle_unusable(h);

	if (why != NULL) {
		return why;
	}
	if (!c->reply_due) {
		return &failure_not_asked;
	}
	why = handle_failure(h, cfg_probe(c));
	if (why != NULL) {
		return why;
	}
	if (newer_request_waits(h)) {
		c->reply_due = false;
		return &failure_not_asked;
	}
	return send_reply(c, allow);
}

/* ---- from the queue into Lua ---- */

static int push_request(lua_State *L, handle *h, const event *ev, int values)
{
	(void)values;
	lua_pushstring(L, ((const request_event *)ev)->regardless ? "regardless" : "request");
	((cfg *)h)->reply_due = true;
	return 1;
}

/* A result other than true and false is no reply yet. */
static void on_result(lua_State *L, handle *h)
{
	bool allows = lua_toboolean(L, -1);
	const failure *why = lua_isboolean(L, -1) ? reply((cfg *)h, allows) : NULL;

	/* No error if the request is over or the handler has replied itself; and closing has allowed the shutdown. */
	if (why != NULL && why != &failure_not_asked && !(allows && why == &FAILURE_CLOSED)) {
		(void)failure_push_text(L, "reply to the shutdown request", why);
		lua_pop(L, 1);
		(void)lua_error(L);
	}
}

const event_kind cfg_shutdown_kinds[] = {
	{.handler = "shutdown_request", .name = "shutdown", .push = push_request, .on_result = on_result},
};

/* ---- methods ---- */

/***
Replies to the last shutdown request, once, and as long as this handle tracks. True means that the
reply was sent, not that it was in time. Each handle that has replied leaks 3 MB of this process's address space,
because `corosync_cfg_replyto_shutdown` never releases it: reply with one handle, not with a new one each time.
@function handle:reply_shutdown
@tparam boolean allow
@treturn boolean true
@error nil, message, code: "access" (no request waits for this handle's reply), "try_again" (the membership is changing;
the request still waits), "not_connected", "closed", "wrong_process"
*/
int cfg_shutdown_method_reply(lua_State *L)
{
	cfg *c = handle_check(L);

	luaL_checktype(L, 2, LUA_TBOOLEAN);
	return cfg_return(L, "reply to the shutdown request", reply(c, lua_toboolean(L, 2)));
}

/* The failure of try_shutdown, or NULL. */
static const failure *shutdown_failure(cfg *c, cs_error_t error)
{
	switch (error) {
	case CS_ERR_BUSY: return &failure_shutdown_refused;
	case CS_ERR_EXIST: return &failure_shutdown_asked;
	default: return handle_failure(&c->handle, error);
	}
}

/***
Asks this node's Corosync to end, which also ends its connections. The call blocks until all trackers have replied or
the time for that is over, so no tracker may depend on this thread to reply. The calling handle gets no request itself.
Calls `corosync_cfg_try_shutdown`.
@function handle:try_shutdown
@tparam[opt="request"] string kind "request": every tracker may refuse; "regardless": trackers get a request, but cannot
refuse; "immediate": they get none
@treturn boolean true: Corosync is ending
@error nil, message, code: "busy" (it was refused), "exist" (another program has requested it), "try_again",
"not_connected", "closed", "wrong_process"
*/
int cfg_shutdown_method_try(lua_State *L)
{
	static const char *const names[] = {"request", "regardless", "immediate", NULL};
	static const corosync_cfg_shutdown_flags_t flags[] = {COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST,
		COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS, COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE};
	cfg *c = handle_check(L);
	int kind = argument_check_option(L, 2, "request", names);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		/* On a healthy node it returns only when every tracker has replied. */
		why = shutdown_failure(c,
			CALL(&c->handle, "try_shutdown (until all trackers have replied)",
				corosync_cfg_try_shutdown(c->handle.id, flags[kind])));
	}
	return cfg_return(L, "shut Corosync down", why);
}
