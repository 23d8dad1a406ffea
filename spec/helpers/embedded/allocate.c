/*
 * Runs a short session again and again. Each time it refuses the n-th request for memory and all later ones, for each n
 * until no request is refused. Each run must end with an error or an answer. Then the same Lua state must complete the
 * session with enough memory, and nothing may be left over. Embeds the static library.
 *
 *   allocate SCRIPT PART         refuses Lua's requests (Lua itself collects and asks again)
 *   allocate SCRIPT PART core    refuses the core's own, of any thread; linked with --wrap for malloc's functions
 *
 * The script is given the part's name.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "corosync-lua.h"

typedef struct meter {
	atomic_long left;    /* requests until they are refused; negative when none is */
	atomic_bool refused; /* one was */
	atomic_long used;    /* bytes of Lua's, blocks of the core's */
} meter;

/* The linker sends the core's calls here, without an argument that could tell a session. */
static meter core = {.left = -1};

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static bool refuses(meter *m)
{
	long left = atomic_load(&m->left);

	while (left > 0 && !atomic_compare_exchange_weak(&m->left, &left, left - 1)) {
	}
	if (left == 0) {
		atomic_store(&m->refused, true);
	}
	return left == 0;
}

void *__wrap_malloc(size_t size)
{
	void *block = refuses(&core) ? NULL : __real_malloc(size);

	atomic_fetch_add(&core.used, block != NULL);
	return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *block = refuses(&core) ? NULL : __real_calloc(count, size);

	atomic_fetch_add(&core.used, block != NULL);
	return block;
}

void *__wrap_realloc(void *block, size_t size)
{
	void *moved = refuses(&core) ? NULL : __real_realloc(block, size);

	atomic_fetch_add(&core.used, block == NULL && moved != NULL);
	return moved;
}

void __wrap_free(void *block)
{
	atomic_fetch_sub(&core.used, block != NULL);
	__real_free(block);
}

static void *allocate(void *given, void *block, size_t old_size, size_t new_size)
{
	meter *m = given;
	size_t had = block == NULL ? 0 : old_size;
	void *moved;

	if (new_size == 0) {
		__real_free(block);
		atomic_fetch_sub(&m->used, (long)had);
		return NULL;
	}
	if (new_size > had && refuses(m)) {
		return NULL;
	}
	moved = __real_realloc(block, new_size);
	if (moved != NULL) {
		atomic_fetch_add(&m->used, (long)new_size - (long)had);
	}
	return moved;
}

typedef struct trial {
	char **words;
	long refused;
	meter *meter;
} trial;

static int run(lua_State *L)
{
	const trial *t = lua_touserdata(L, 1);

	luaL_openlibs(L);
	lua_getglobal(L, "package");
	/* Lua 5.1 loads no module again whose loading has failed. */
	lua_getfield(L, -1, "loaded");
	lua_pushnil(L);
	lua_setfield(L, -2, "corosync.core");
	lua_pop(L, 1);
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_corosync_core);
	lua_setfield(L, -2, "corosync.core");
	if (luaL_loadfile(L, t->words[1]) != 0) {
		return lua_error(L);
	}
	lua_pushstring(L, t->words[2]);
	/* Lua's own beginning is Lua's own. */
	atomic_store(&t->meter->left, t->refused);
	lua_call(L, 1, 1);
	lua_pushboolean(L, lua_toboolean(L, -1));
	return 1;
}

/* Whether it came to its end. */
static bool attempt(lua_State *L, trial *t, long refused)
{
	bool ended;

	atomic_store(&t->meter->left, -1);
	atomic_store(&t->meter->refused, false);
	t->refused = refused;
	lua_settop(L, 0);
	(void)lua_gc(L, LUA_GCCOLLECT, 0);
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, t);
	ended = lua_pcall(L, 1, 1, 0) == 0 && lua_toboolean(L, -1);
	atomic_store(&t->meter->left, -1);
	return ended;
}

/*
 * 1 when the session came to its end without a refusal, 0 when it met one, -1 when that has left something over or
 * broken.
 */
static int session(lua_State *L, trial *t)
{
	bool ended, refused, recovered;

	if (L == NULL) {
		return -1;
	}
	ended = attempt(L, t, t->refused);
	refused = atomic_load(&t->meter->refused);
	recovered = (ended && !refused) || attempt(L, t, -1);
	if (!recovered) {
		(void)printf("with all memory: %s\n", lua_tostring(L, -1));
	}
	lua_close(L);
	/* The core frees lists that libcfg has made, too. */
	return !recovered || atomic_load(&t->meter->used) != 0 || atomic_load(&core.used) > 0 ? -1 : !refused;
}

static int session_of_lua(char **words, long refused)
{
	meter m = {.left = -1};
	trial t = {.words = words, .refused = refused, .meter = &m};

	return session(lua_newstate(allocate, &m), &t);
}

static int session_of_core(char **words, long refused)
{
	trial t = {.words = words, .refused = refused, .meter = &core};

	return session(luaL_newstate(), &t);
}

int main(int argc, char **argv)
{
	long n;
	int ended = 0;

	for (n = 0; argc > 2 && ended == 0; n++) {
		ended = argc > 3 ? session_of_core(argv, n) : session_of_lua(argv, n);
	}
	(void)printf("%s after %ld refusals\n", ended == 1 ? "ended" : "something is left over", n - 1);
	return ended == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
