#include "cpgrun/cpgrun.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <lauxlib.h>

/* Returns 0 or an errno. "@name" is an abstract name. */
static int set_address(struct sockaddr_un *to, const char *path, size_t length)
{
	if (path[0] != '/' && path[0] != '@') {
		return EAFNOSUPPORT;
	}
	if (length > sizeof to->sun_path) {
		return ENAMETOOLONG;
	}
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, path, length);
	if (path[0] == '@') {
		to->sun_path[0] = '\0';
	}
	return 0;
}

/* Returns 0 or an errno. MSG_DONTWAIT: a service manager that hangs must not stop the loop. */
static int send_to(const struct sockaddr_un *to, socklen_t size, const char *text, size_t length)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0) {
		return errno;
	}
	error = sendto(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, size) < 0 ? errno : 0;
	(void)close(fd);
	return error;
}

int notify_send(lua_State *L)
{
	struct sockaddr_un to = {0};
	size_t path_length, length;
	const char *path = luaL_checklstring(L, 1, &path_length), *text = luaL_checklstring(L, 2, &length);
	int error = set_address(&to, path, path_length);

	if (error == 0) {
		error = send_to(&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length), text, length);
	}
	if (error == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushfstring(L, "cannot notify the service manager at %s (NOTIFY_SOCKET): %s", path, strerror(error));
	return 2;
}

int notify_close_on_exec(lua_State *L)
{
	(void)fcntl((int)luaL_checkinteger(L, 1), F_SETFD, FD_CLOEXEC);
	return 0;
}
