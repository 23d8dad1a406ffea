/* Opens the C half, `corosync.core`: a table with all libraries, and functions that belong to none of them. */
#include "corosync-lua.h"

#include <stdio.h>

#include "cfg/cfg.h"
#include "cmap/cmap.h"
#include "cpg/cpg.h"
#include "handle/watchdog.h"
#include "nginx/bell.h"
#include "quorum/quorum.h"
#include "support/cleanup.h"
#include "support/clock.h"
#include "support/digest.h"
#include "support/hex.h"
#include "support/libqb_lock.h"
#include "support/path.h"
#include "support/poll.h"
#include "support/shared_folder.h"
#include "support/string_list.h"
#include "votequorum/votequorum.h"
#ifndef COROSYNC_LUA_NO_THREADS
#include "nginx/waker.h"
#endif

/***
The time on a clock that never jumps, for deadlines.
@function core.now
@treturn number seconds since some moment in the past
*/
static int core_now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)clock_seconds());
	return 1;
}

/***
The time of day with a fraction, which os.time lacks.
@function core.time
@treturn number seconds since 1970
*/
static int core_time(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)clock_wall_seconds());
	return 1;
}

/***
Writes a line to stderr, also in a Lua state without the io library.
@function core.complain
@tparam string line
*/
static int core_complain(lua_State *L)
{
	size_t length;
	const char *line;

	luaL_checktype(L, 1, LUA_TSTRING);
	lua_settop(L, 1);
	lua_pushliteral(L, "\n");
	lua_concat(L, 2);
	line = lua_tolstring(L, 1, &length);
	(void)fwrite(line, 1, length, stderr);
	return 0;
}

static const luaL_Reg functions[] = {
	{"absolute_path", path_absolute},
	{"bell", bell_open},
	{"complain", core_complain},
	{"create_file", shared_folder_create_file},
	{"digest", digest_values},
	{"digest_each", digest_each},
	{"hex", hex_encode},
	{"join_strings", string_list_join},
	{"list_files", shared_folder_list_files},
	{"now", core_now},
	{"pollset", pollset_open},
	{"split_strings", string_list_split},
	{"strip_prefix", string_list_strip_prefix},
	{"time", core_time},
	{"watchdog", watchdog_open},
#ifndef COROSYNC_LUA_NO_THREADS
	{"waker", waker_open},
#endif
	{NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_corosync_core(lua_State *L)
{
	libqb_lock_setup();
	cleanup_setup(L);
	lua_createtable(L, 0, 16);
	cpg_push_module(L);
	lua_setfield(L, -2, "cpg");
	cmap_push_module(L);
	lua_setfield(L, -2, "cmap");
	quorum_push_module(L);
	lua_setfield(L, -2, "quorum");
	votequorum_push_module(L);
	lua_setfield(L, -2, "votequorum");
	cfg_push_module(L);
	lua_setfield(L, -2, "cfg");
	bell_setup(L);
	pollset_setup(L);
#ifndef COROSYNC_LUA_NO_THREADS
	waker_setup(L);
#endif
	watchdog_setup(L);
	compat_setfuncs(L, functions);
	lua_pushliteral(L, COROSYNC_LUA_VERSION);
	lua_setfield(L, -2, "_VERSION");
	return 1;
}
