#include "handle/handle.h"

#include <poll.h>

#include "support/pid.h"

/* Milliseconds from a call that fails because the daemon ends to the hang-up, where these are two sockets. */
#define HANG_UP_GRACE 100

void *handle_test(lua_State *L, int index)
{
	void *found = lua_touserdata(L, index);
	bool is_one;

	/* luaL_checkudata looks the metatable up by its name, on each call. */
	if (found == NULL || !lua_getmetatable(L, index)) {
		return NULL;
	}
	is_one = lua_rawequal(L, -1, lua_upvalueindex(UPVALUE_METATABLE));
	lua_pop(L, 1);
	return is_one ? found : NULL;
}

void *handle_check(lua_State *L)
{
	const handle_class *class = lua_touserdata(L, lua_upvalueindex(UPVALUE_CLASS));
	void *found = handle_test(L, 1);

	return found != NULL ? found : luaL_checkudata(L, 1, class->type);
}

/* ---- state ---- */

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

void handle_lose(handle *h, const failure *reason)
{
	if (h->state == HANDLE_OPEN) {
		h->state = HANDLE_LOST;
		h->reason = reason;
	}
}

static bool hangs_up_within(const handle *h, int milliseconds)
{
	struct pollfd descriptor = {.fd = h->hang_up_fd, .events = POLLIN};

	return poll(&descriptor, 1, milliseconds) > 0 && (descriptor.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

bool handle_hung_up(const handle *h)
{
	return hangs_up_within(h, 0);
}

/* ---- failures ---- */

int handle_fail(lua_State *L, const handle *h, const char *verb, const failure *why)
{
	lua_pushfstring(L, "%s %s", verb, h->class->service);
	return failure_push(L, why);
}

int handle_return(lua_State *L, const handle *h, const char *verb, const failure *why)
{
	return why == NULL ? success_push(L) : handle_fail(L, h, verb, why);
}

const failure *handle_diagnose(const handle *h, cs_error_t error)
{
	/* An ending daemon closes its sockets one by one: the call's may close before the one watched here. */
	int grace = error == CS_ERR_LIBRARY && handle_has_datagram_socket(h) ? HANG_UP_GRACE : 0;
	/* A daemon that dies under load leaves its flow control on: libqb then returns TRY_AGAIN for ever. */
	bool suspicious = error == CS_ERR_LIBRARY || error == CS_ERR_TRY_AGAIN;
	bool is_lost = (suspicious && hangs_up_within(h, grace)) || error == CS_ERR_BAD_HANDLE;

	return is_lost ? &FAILURE_NOT_CONNECTED : failure_of(error);
}

const failure *handle_failure(handle *h, cs_error_t error)
{
	const failure *why = error == CS_OK ? NULL : handle_diagnose(h, error);

	/* A finalizer may have closed the handle after it was found usable. */
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
