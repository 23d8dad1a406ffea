#include "corosync-lua.h"

#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cfg/cfg.h"
#include "cmap/cmap.h"
#include "cpg/cpg.h"
#include "handle/watchdog.h"
#include "quorum/quorum.h"
#include "support/userdata.h"
#include "support/clock.h"
#include "support/digest.h"
#include "support/file.h"
#include "support/libqb_lock.h"
#include "support/path.h"
#include "support/pieces.h"
#include "support/poll.h"
#include "nginx/bell.h"
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

/* The number's bytes, lowest first. Some versions of Lua, or their MessagePack, do not distinguish -0 and numbers
   closer to 0 than 2^-1022 from 0, or NaNs from each other, so these get the same bytes. */
static void number_bytes(lua_Number number, char bytes[8])
{
	uint64_t bits;
	size_t i;

	if (number > -DBL_MIN && number < DBL_MIN) {
		number = 0;
	}
	memcpy(&bits, &number, sizeof(bits));
	if (number != number) {
		bits = UINT64_MAX;
	}
	for (i = 0; i < 8; i++) {
		bytes[i] = (char)(bits >> 8 * i & 255);
	}
}

static const char *digested_bytes(lua_State *L, int i, char number[8], size_t *length)
{
	const char *text;

	switch (lua_type(L, i)) {
	case LUA_TSTRING:
		return lua_tolstring(L, i, length);
	case LUA_TNUMBER:
		*length = 8;
		number_bytes(lua_tonumber(L, i), number);
		return number;
	case LUA_TBOOLEAN:
		text = lua_toboolean(L, i) ? "true" : "false";
		break;
	default:
		text = luaL_typename(L, i);
	}
	*length = strlen(text);
	return text;
}

/* The digest after the value at stack index `i`. [-0, +0, m] */
static uint64_t digest_after(lua_State *L, uint64_t hash, int i)
{
	size_t length;
	char number[8];
	const char *bytes = digested_bytes(L, i, number, &length);

	return digest_mix(digest_add(hash, bytes, length) + length);
}

static uint64_t first_digest(lua_Number seed)
{
	return digest_mix((uint64_t)seed ^ UINT64_C(0xcbf29ce484222325));
}

/* The upper bits, which are a whole number in all versions of Lua. */
static lua_Number digest_number(uint64_t hash)
{
	return (lua_Number)(hash >> 11);
}

static lua_Number check_seed(lua_State *L)
{
	lua_Number seed = luaL_checknumber(L, 1);

	luaL_argcheck(L, seed >= 0 && seed < 9007199254740992.0, 1, "whole number below 2^53 expected");
	return seed;
}

/***
A digest of plain values, and of an earlier digest: the same on all machines and in all versions of Lua.
@function core.digest
@tparam number seed an earlier digest, or a whole number below 2^53
@tparam any ... the values. Of tables, functions and the like only the type counts. "ab", "c" and "a", "bc" differ
@treturn number a whole number below 2^53
*/
static int core_digest(lua_State *L)
{
	uint64_t hash = first_digest(check_seed(L));
	int i, count = lua_gettop(L);

	for (i = 2; i <= count; i++) {
		hash = digest_after(L, hash, i);
	}
	lua_pushnumber(L, digest_number(hash));
	return 1;
}

/***
Adds the values of a list to a digest one by one, as `digest(digest(seed, list[first]), list[first + 1])` and so on.
@function core.digest_each
@tparam number seed as for `digest`
@tparam table list may have nils
@tparam integer first
@tparam integer last
@treturn number as for `digest`
*/
static int core_digest_each(lua_State *L)
{
	lua_Number digest = check_seed(L);
	lua_Integer i = luaL_checkinteger(L, 3), last = luaL_checkinteger(L, 4);

	luaL_checktype(L, 2, LUA_TTABLE);
	for (; i <= last; i++) {
		lua_rawgeti(L, 2, (int)i);
		digest = digest_number(digest_after(L, first_digest(digest), -1));
		lua_pop(L, 1);
	}
	lua_pushnumber(L, digest);
	return 1;
}

static const luaL_Reg functions[] = {
	{"absolute_path", path_absolute},
	{"bell", bell_open},
	{"complain", core_complain},
	{"create_file", file_create},
	{"digest", core_digest},
	{"digest_each", core_digest_each},
	{"join_pieces", pieces_join},
	{"list_files", file_list},
	{"now", core_now},
	{"pollset", pollset_open},
	{"split_pieces", pieces_split},
	{"strip_prefix", pieces_strip_prefix},
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
