/*
 * Runs a short session again and again in a Lua state whose allocator refuses its n-th request and all after it (Lua
 * itself collects and asks again), for every n until the session ends without: each time there is an error or an answer,
 * and nothing is left over. Embeds the static library.
 *
 *   allocate SCRIPT PART    the script is given the part's name
 */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "corosync-lua.h"

typedef struct budget {
	long left;   /* requests until they are refused; negative when none is */
	long refused;
	size_t used; /* bytes */
} budget;

static void *allocate(void *given, void *block, size_t old_size, size_t new_size)
{
	budget *b = given;
	size_t had = block == NULL ? 0 : old_size;
	void *moved;

	if (new_size == 0) {
		free(block);
		b->used -= had;
		return NULL;
	}
	if (new_size > had && b->left == 0) {
		return NULL;
	}
	if (new_size > had && b->left > 0) {
		b->left--;
	}
	moved = realloc(block, new_size);
	if (moved != NULL) {
		b->used += new_size - had;
	}
	return moved;
}

static int run(lua_State *L)
{
	char **words = lua_touserdata(L, 1);
	void *given;

	luaL_openlibs(L);
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_corosync_core);
	lua_setfield(L, -2, "corosync.core");
	if (luaL_loadfile(L, words[1]) != 0) {
		return lua_error(L);
	}
	lua_pushstring(L, words[2]);
	/* Lua's own beginning is Lua's own. */
	(void)lua_getallocf(L, &given);
	((budget *)given)->left = ((budget *)given)->refused;
	lua_call(L, 1, 1);
	lua_pushboolean(L, lua_toboolean(L, -1));
	return 1;
}

/* 1 when the session came to its end, 0 when it met the refusal, -1 when bytes are left over. */
static int session(char **words, long refused)
{
	budget b = {.left = -1, .refused = refused};
	lua_State *L = lua_newstate(allocate, &b);
	int ended = 0;

	if (L == NULL) {
		return b.used == 0 ? 0 : -1;
	}
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, words);
	ended = lua_pcall(L, 1, 1, 0) == 0 && lua_toboolean(L, -1);
	lua_close(L);
	return b.used == 0 ? ended : -1;
}

int main(int argc, char **argv)
{
	long n;
	int ended = 0;

	for (n = 0; argc > 2 && ended == 0; n++) {
		ended = session(argv, n);
	}
	(void)printf("%s after %ld refusals\n", ended == 1 ? "ended" : "bytes are left over", n - 1);
	return ended == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
