#include "cpgrun/cpgrun.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lauxlib.h>

/* The groups first, because only root may change them. Returns 0 or an errno. */
static int drop(const struct passwd *user)
{
	if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
		return errno;
	}
	/* Fails if root can be regained. */
	return user->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0) ? EPERM : 0;
}

/* The variables that login and systemd set, which would otherwise be root's. The others stay. */
static bool set_environment(const struct passwd *user)
{
	return setenv("HOME", user->pw_dir, 1) == 0 && setenv("SHELL", user->pw_shell, 1) == 0 &&
		setenv("USER", user->pw_name, 1) == 0 && setenv("LOGNAME", user->pw_name, 1) == 0;
}

static const char *explain(int error)
{
	if (error == 0) {
		return "there is no such user";
	}
	return error == EPERM ? "only root may do that" : strerror(error);
}

int user_become(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const struct passwd *user;
	int error;

	errno = 0;
	user = getpwnam(name);
	error = user == NULL ? errno : drop(user);
	if (user != NULL && error == 0 && !set_environment(user)) {
		error = errno;
	}
	if (user != NULL && error == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushfstring(L, "cannot become the user '%s': %s", name, explain(error));
	return 2;
}

int user_id(lua_State *L)
{
	const struct passwd *user = getpwnam(luaL_checkstring(L, 1));

	if (user == NULL) {
		lua_pushnil(L);
	} else {
		lua_pushinteger(L, (lua_Integer)user->pw_uid);
	}
	return 1;
}

int user_of_peer(lua_State *L)
{
	int fd = (int)luaL_checkinteger(L, 1);
	struct ucred peer;
	socklen_t length = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
		lua_pushnil(L);
		lua_pushstring(L, strerror(errno));
		return 2;
	}
	lua_pushinteger(L, (lua_Integer)peer.uid);
	return 1;
}
