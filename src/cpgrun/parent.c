#include "cpgrun/cpgrun.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <lauxlib.h>

int parent_end_with(lua_State *L)
{
	pid_t parent = (pid_t)luaL_checkinteger(L, 1);
	/* It may have ended before. */
	bool is_there = prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM) == 0 && getppid() == parent;

	lua_pushboolean(L, is_there);
	return 1;
}
