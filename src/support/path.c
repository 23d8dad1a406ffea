#include "support/path.h"

#include <limits.h>
#include <unistd.h>

int path_absolute(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	char folder[PATH_MAX];

	lua_settop(L, 1);
	if (path[0] != '/' && getcwd(folder, sizeof folder) != NULL) {
		lua_pushfstring(L, "%s/%s", folder, path);
	}
	return 1;
}
