/*
 * game <world.lua>: a game server that embeds the binding. Its own loop has 60 frames a second. In each frame it
 * calls the world's Lua function, and dispatches events from the other nodes for at most a part of the frame.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <corosync-lua.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#define FRAMES 60                            /* a second */
#define FRAME (INT64_C(1000000000) / FRAMES) /* nanoseconds */
#define SHARE (FRAME / 4)                    /* of a frame, after which no more dispatch starts */
#define BUDGET 32                            /* events in a dispatch */

/* Positions on the Lua stack while the game runs. */
enum { AT_SCRIPT = 1, AT_WORLD, AT_APP };

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

static int64_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void sleep_until(int64_t moment)
{
	struct timespec time = {.tv_sec = (time_t)(moment / 1000000000), .tv_nsec = (long)(moment % 1000000000)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* ---- Lua ---- */

/* The C half of the binding is linked into this program; the Lua half is in files. */
static void add_binding(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_corosync_core);
	lua_setfield(L, -2, "corosync.core");
	lua_pop(L, 1);
	lua_pushliteral(L, COROSYNC_LUADIR "/?.lua;" COROSYNC_LUADIR "/?/init.lua;");
	lua_getfield(L, -2, "path");
	lua_concat(L, 2);
	lua_setfield(L, -2, "path");
	lua_pop(L, 1);
}

/* Runs the script, which returns the world: a table with the replica and the function `frame`. */
static void load_world(lua_State *L)
{
	if (luaL_loadfile(L, lua_tostring(L, AT_SCRIPT)) != 0) {
		(void)lua_error(L);
	}
	lua_call(L, 0, 1);
	lua_getfield(L, AT_WORLD, "app");
}

/* world.frame(number) */
static void play(lua_State *L, lua_Integer number)
{
	lua_getfield(L, AT_WORLD, "frame");
	lua_pushinteger(L, number);
	lua_call(L, 1, 0);
}

/* app:dispatch(BUDGET). Returns whether more events wait. */
static bool dispatch(lua_State *L)
{
	bool more;

	lua_getfield(L, AT_APP, "dispatch");
	lua_pushvalue(L, AT_APP);
	lua_pushinteger(L, BUDGET);
	lua_call(L, 2, 2);
	more = !lua_isnil(L, -2) && lua_toboolean(L, -1);
	lua_pop(L, 2);
	return more;
}

/* ---- the loop ---- */

/* Dispatches until no event waits, or for the frame's share of time. Returns the time of the longest dispatch. */
static int64_t dispatch_frame(lua_State *L)
{
	int64_t begin = now(), before = begin, after, worst = 0;
	bool more;

	do {
		more = dispatch(L);
		after = now();
		worst = after - before > worst ? after - before : worst;
		before = after;
	} while (more && after - begin < SHARE);
	return worst;
}

static void report(const int64_t *worst)
{
	int64_t most = 0;
	int i;

	for (i = 0; i < FRAMES; i++) {
		most = worst[i] > most ? worst[i] : most;
	}
	(void)printf("worst dispatch %" PRId64 " us; of each frame:", most / 1000);
	for (i = 0; i < FRAMES; i++) {
		(void)printf(" %" PRId64, worst[i] / 1000);
	}
	(void)printf("\n");
}

/* Called protected, because it may raise. Argument: the script's name. */
static int run(lua_State *L)
{
	int64_t next = now(), worst[FRAMES];
	lua_Integer number;

	luaL_openlibs(L);
	add_binding(L);
	load_world(L);
	for (number = 0; !ended; number++) {
		play(L, number);
		worst[number % FRAMES] = dispatch_frame(L);
		if (number % FRAMES == FRAMES - 1) {
			report(worst);
		}
		/* Missed frames are skipped. */
		next = next + FRAME > now() ? next + FRAME : now();
		sleep_until(next);
	}
	return 0;
}

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	struct sigaction action = {.sa_handler = end};
	int status;

	if (argc != 2 || L == NULL) {
		(void)fprintf(stderr, "usage: game <world.lua>\n");
		return EXIT_FAILURE;
	}
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	lua_pushcfunction(L, run);
	lua_pushstring(L, argv[1]);
	status = lua_pcall(L, 1, 0, 0);
	if (status != 0) {
		(void)fprintf(stderr, "game: %s\n", lua_tostring(L, -1));
	}
	lua_close(L);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
