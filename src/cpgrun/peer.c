#include "cpgrun/cpgrun.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <lauxlib.h>

int peer_user(lua_State *L)
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
