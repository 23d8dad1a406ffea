#include "cpg/pack_options.h"

#include "support/field.h"

#define LEAST_BYTES ((size_t)64)
#define MOST_BYTES ((size_t)1000000)
#define DEFAULT_LIMIT ((size_t)64 * 1024 * 1024)

static void check_size(lua_State *L, int index, const char *name, size_t least, size_t most)
{
	int64_t size;

	if (lua_type(L, index) != LUA_TNUMBER || !compat_toint64(L, index, &size) || size < (int64_t)least ||
		(uint64_t)size > most) {
		luaL_argerror(
			L, 1, lua_pushfstring(L, "field '%s' must be a whole number from %d to %d", name, (int)least, (int)most));
	}
}

static void check_bytes(lua_State *L, int index, const char *name)
{
	check_size(L, index, name, LEAST_BYTES, MOST_BYTES);
}

static void check_limit(lua_State *L, int index, const char *name)
{
	check_size(L, index, name, 1, INT32_MAX);
}

enum { BYTES_FIELD, LIMIT_FIELD };

static const field fields[] = {
	[BYTES_FIELD] = {"bytes", check_bytes},
	[LIMIT_FIELD] = {"limit", check_limit},
	{NULL, NULL},
};

void cpg_pack_options_check(lua_State *L, int index, const char *name)
{
	field_check_boolean_or_table(L, index, name, fields);
}

bool cpg_pack_options_get(lua_State *L, int index, pack_options *options)
{
	*options = (pack_options){.bytes = PACK_FRAME_BYTES, .limit = DEFAULT_LIMIT};
	if (!lua_istable(L, index)) {
		return lua_toboolean(L, index);
	}
	options->bytes = (size_t)field_get_number(L, index, &fields[BYTES_FIELD], (lua_Number)options->bytes);
	options->limit = (size_t)field_get_number(L, index, &fields[LIMIT_FIELD], (lua_Number)options->limit);
	return true;
}
