#include "cpgrun/cpgrun.h"

#include <stdlib.h>

#include <lauxlib.h>

typedef struct memory {
	lua_Alloc allocate; /* Lua's own allocator, and its data */
	void *data;
	size_t used, limit;
	size_t collect_at; /* see collect_early */
	bool is_limited;
} memory;

static void *allocate(void *data, void *block, size_t old, size_t size)
{
	memory *m = data;
	size_t had = block == NULL ? 0 : old; /* without a block, `old` is a type */
	size_t room = m->used < m->limit ? m->limit - m->used : 0;
	void *got;

	if (m->is_limited && size > had && size - had > room) {
		return NULL;
	}
	got = m->allocate(m->data, block, old, size);
	if (got != NULL || size == 0) {
		m->used = m->used - had + size;
	}
	return got;
}

/* The state's memory, or NULL if it has no limit. */
static memory *find(lua_State *L)
{
	void *data;

	return lua_getallocf(L, &data) == allocate ? data : NULL;
}

static int collect(lua_State *L)
{
	(void)lua_gc(L, LUA_GCCOLLECT, 0);
	return 0;
}

/* A finalizer may raise. Pushing a function allocates in Lua 5.1. */
static void try_to_collect(lua_State *L)
{
	int status;

#if LUA_VERSION_NUM < 502
	status = lua_cpcall(L, collect, NULL);
#else
	lua_pushcfunction(L, collect);
	status = lua_pcall(L, 0, 0, 0);
#endif
	if (status != 0) {
		lua_pop(L, 1);
	}
}

/*
 * Garbage makes allocations fail: in Lua 5.1 and LuaJIT all of them, in others those of lauxlib's buffers, as for
 * string.rep. So it is collected when half of the memory that was free after the last collection is used, or a
 * sixteenth of the limit if that is more.
 */
static void collect_early(lua_State *L, memory *m)
{
	size_t room, least = m->limit / 16;

	if (m->used >= m->collect_at) {
		m->is_limited = false;
		try_to_collect(L);
		room = m->used < m->limit ? m->limit - m->used : 0;
		m->collect_at = m->used + (room / 2 > least ? room / 2 : least);
	}
}

bool memory_apply_limit(lua_State *L, bool applies)
{
	memory *m = find(L);
	bool applied = m != NULL && m->is_limited;

	if (m != NULL) {
		if (applies) {
			collect_early(L, m);
		}
		m->is_limited = applies;
	}
	return applied;
}

void memory_open(lua_State *L, size_t limit)
{
	memory *m = malloc(sizeof *m);
	void *data;

	if (m == NULL) {
		(void)luaL_error(L, "not enough memory");
		return;
	}
	*m = (memory){.limit = limit, .collect_at = limit / 2};
	m->allocate = lua_getallocf(L, &data);
	m->data = data;
	m->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
	lua_setallocf(L, allocate, m);
}

void memory_close(lua_State *L)
{
	memory *m = find(L);

	if (m != NULL) {
		lua_setallocf(L, m->allocate, m->data);
		free(m);
	}
}
