/* Scripts' arguments to the core: messages as tables of anything, the field `reader`, names in messages. */
#include <stdint.h>

#include <lualib.h>

#include "cpg/cpg.h"
#include "handle/reader.h"
#include "support/failure.h"
#include "must.h"

#define MOST_BYTES ((size_t)100000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void push_value(lua_State *L, const uint8_t *data, size_t size)
{
	static const double numbers[] = {0, -1, 0.02, 1, 64, 1e300, -1e300, 4e9};

	switch (data[0] % 6) {
	case 0: lua_pushlstring(L, (const char *)data, size); break;
	case 1: lua_pushnumber(L, numbers[data[0] / 6 % 8]); break;
	case 2: lua_pushboolean(L, data[0] & 8); break;
	case 3: lua_newtable(L); break;
	case 4: lua_pushstring(L, data[0] & 8 ? "leave" : "stop"); break;
	default: lua_pushnil(L); break;
	}
}

/* A table of as many values as there are bytes, by number and by the reader's names. */
static void push_table(lua_State *L, const uint8_t *data, size_t size)
{
	static const char *const names[] = {"after", "limit", "full", "more"};
	size_t i;

	lua_newtable(L);
	for (i = 0; i < size; i++) {
		push_value(L, data + i, size - i);
		if (data[i] & 64) {
			lua_setfield(L, -2, names[data[i] / 8 % 4]);
		} else {
			lua_rawseti(L, -2, (int)i + 1);
		}
	}
}

/* Argument 2 is the value. Accepted values must be within their bounds. */
static int try_all(lua_State *L)
{
	cpg_iovec message;
	reader_options options;

	must(cpg_iovec_collect(L, &message, MOST_BYTES, &FAILURE_NO_MEMORY) != NULL ||
		(message.count <= CPG_IOVEC_MOST && message.length <= MOST_BYTES));
	lua_settop(L, 2);
	reader_options_check(L, 2, "reader");
	must(!reader_options_get(L, 2, &options) || (options.after >= 0 && options.limit >= 1));
	return 0;
}

static void try_field_alone(lua_State *L)
{
	lua_pushcfunction(L, try_all);
	lua_insert(L, 1);
	lua_pushnil(L);
	lua_insert(L, 2);
	(void)lua_pcall(L, 2, 0, 0);
	lua_settop(L, 0);
}

static int show_name(lua_State *L)
{
	size_t length;
	const char *name = lua_tolstring(L, 1, &length);

	failure_push_attempt(L, "", "", name, length);
	return 1;
}

/* All bytes of a name in a message must be printable. */
static void try_name(lua_State *L, const uint8_t *data, size_t size)
{
	const char *shown;

	lua_pushcfunction(L, show_name);
	lua_pushlstring(L, (const char *)data, size);
	if (lua_pcall(L, 1, 1, 0) == 0) {
		for (shown = lua_tostring(L, -1); *shown != '\0'; shown++) {
			must(*shown >= ' ' && *shown <= '~');
		}
	}
	lua_settop(L, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	lua_State *L = luaL_newstate();

	if (L == NULL || size == 0 || size > 4096) {
		if (L != NULL) {
			lua_close(L);
		}
		return 0;
	}
	push_table(L, data + 1, size - 1);
	try_field_alone(L);
	push_value(L, data, size);
	try_field_alone(L);
	try_name(L, data, size);
	lua_close(L);
	return 0;
}
