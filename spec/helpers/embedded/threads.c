/*
 * threads <KiB of stack> <script> ...: runs each script in a thread of its own with a Lua state of its own, all at
 * once. A script gets its number as its argument. Ends with 0 if none of them raised.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "corosync-lua.h"

#define MOST_THREADS 8

typedef struct job {
	const char *script;
	int number;
	int failed;
} job;

static void preload(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_corosync_core);
	lua_setfield(L, -2, "corosync.core");
	lua_pop(L, 2);
}

static void *run(void *argument)
{
	job *j = argument;
	lua_State *L = luaL_newstate();

	if (L == NULL) {
		return NULL;
	}
	luaL_openlibs(L);
	preload(L);
	j->failed = luaL_loadfile(L, j->script);
	if (!j->failed) {
		lua_pushinteger(L, j->number);
		j->failed = lua_pcall(L, 1, 0, 0);
	}
	if (j->failed) {
		(void)fprintf(stderr, "threads: %s %d: %s\n", j->script, j->number, lua_tostring(L, -1));
	}
	lua_close(L);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[MOST_THREADS];
	job jobs[MOST_THREADS];
	pthread_attr_t attributes;
	int count = argc - 2, failed = 0, i;

	if (count < 1 || count > MOST_THREADS || pthread_attr_init(&attributes) != 0 ||
		pthread_attr_setstacksize(&attributes, (size_t)atol(argv[1]) * 1024) != 0) {
		(void)fprintf(stderr, "usage: threads <KiB of stack> <script> ...\n");
		return 2;
	}
	for (i = 0; i < count; i++) {
		jobs[i] = (job){.script = argv[i + 2], .number = i + 1, .failed = 1};
		if (pthread_create(&threads[i], &attributes, run, &jobs[i]) != 0) {
			abort();
		}
	}
	for (i = 0; i < count; i++) {
		(void)pthread_join(threads[i], NULL);
		failed |= jobs[i].failed;
	}
	(void)pthread_attr_destroy(&attributes);
	return failed != 0;
}
