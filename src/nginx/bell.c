#include "nginx/bell.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/cleanup.h"
#include "support/descriptor.h"
#include "support/userdata.h"

#define BELL "corosync.bell"
#define LONGEST_NAME 100

static const failure failure_exist = {"exist", "another process has that name"};
static const failure failure_random = {"no_resources", "the kernel has no random bytes for its name"};

typedef struct bell {
	cleanup cleanup;
	int socket; /* -1 when closed */
	size_t length;
	char name[LONGEST_NAME];
} bell;

static bell *check(lua_State *L)
{
	return luaL_checkudata(L, 1, BELL);
}

static void finalize(bell *b)
{
	cleanup_forget(&b->cleanup);
	descriptor_close(&b->socket);
}

static void end(cleanup *c)
{
	finalize(CLEANUP_OF(bell, c));
}

/* An abstract name begins with a NUL, and ends where the length says. */
static socklen_t fill_address(struct sockaddr_un *address, const char *name, size_t length)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path + 1, name, length);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static bool make_name(bell *b)
{
	uint64_t random;
	int length;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
		return false;
	}
	length = snprintf(b->name, sizeof b->name, "corosync-%016llx", (unsigned long long)random);
	b->length = (size_t)length;
	return true;
}

static bool open_socket(bell *b)
{
	struct sockaddr_un address;
	socklen_t size = fill_address(&address, b->name, b->length);

	b->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return b->socket >= 0 && bind(b->socket, (const struct sockaddr *)&address, size) == 0;
}

static const char *check_name(lua_State *L, int index, size_t *length)
{
	const char *name = luaL_checklstring(L, index, length);

	luaL_argcheck(L, *length > 0 && *length <= LONGEST_NAME, index, "1 to 100 bytes expected");
	return name;
}

int bell_open(lua_State *L)
{
	size_t length = 0;
	const char *name = lua_isnoneornil(L, 1) ? NULL : check_name(L, 1, &length);
	bell *b = compat_newuserdata(L, sizeof *b);
	int error;

	memset(b, 0, sizeof *b);
	b->socket = -1;
	luaL_setmetatable(L, BELL);
	if (!cleanup_register(L, &b->cleanup, end)) {
		return failure_push_text(L, "make a bell", &FAILURE_STATE_CLOSING);
	}
	if (name != NULL) {
		memcpy(b->name, name, length);
		b->length = length;
	} else if (!make_name(b)) {
		return failure_push_text(L, "make a bell", &failure_random);
	}
	if (!open_socket(b)) {
		error = errno;
		finalize(b);
		return error == EADDRINUSE ? failure_push_text(L, "make a bell", &failure_exist)
								   : failure_push_system(L, "make a bell", error);
	}
	return 1;
}

static int method_close(lua_State *L)
{
	finalize(check(L));
	return 0;
}

static int method_fd(lua_State *L)
{
	const bell *b = check(L);

	if (b->socket < 0) {
		return failure_push_text(L, "get a bell's descriptor", &FAILURE_CLOSED);
	}
	lua_pushinteger(L, b->socket);
	return 1;
}

static int method_name(lua_State *L)
{
	const bell *b = check(L);

	lua_pushlstring(L, b->name, b->length);
	return 1;
}

static int method_silence(lua_State *L)
{
	const bell *b = check(L);
	char byte;

	while (recv(b->socket, &byte, sizeof byte, 0) >= 0) {
	}
	return 0;
}

/* A full buffer means that it was rung, and has not looked yet. */
static int method_ring(lua_State *L)
{
	const bell *b = check(L);
	size_t length;
	const char *name = check_name(L, 2, &length);
	struct sockaddr_un address;
	socklen_t size = fill_address(&address, name, length);

	if (b->socket < 0) {
		return failure_push_text(L, "ring a bell", &FAILURE_CLOSED);
	}
	lua_pushboolean(L, sendto(b->socket, "", 1, MSG_NOSIGNAL, (const struct sockaddr *)&address, size) == 1 ||
		(errno != ECONNREFUSED && errno != ENOENT));
	return 1;
}

static const luaL_Reg methods[] = {
	{"__gc", method_close},
	{"close", method_close},
	{"fd", method_fd},
	{"name", method_name},
	{"ring", method_ring},
	{"silence", method_silence},
	{NULL, NULL},
};

void bell_setup(lua_State *L)
{
	userdata_setup(L, BELL, methods);
}
