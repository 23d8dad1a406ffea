#include "handle/reader_options.h"

#include <string.h>

#include "support/field.h"

/* Longer than any handler runs, and far below a timer's range. */
#define LONGEST_AFTER 3600.0

static void check_after(lua_State *L, int index, const char *name)
{
	if (lua_type(L, index) != LUA_TNUMBER ||
		!(lua_tonumber(L, index) >= 0 && lua_tonumber(L, index) <= LONGEST_AFTER)) {
		field_refuse(L, index, name, "number of seconds from 0 to 3600");
	}
}

static void check_limit(lua_State *L, int index, const char *name)
{
	int64_t limit;

	if (lua_type(L, index) != LUA_TNUMBER || !compat_toint64(L, index, &limit) || limit < 1) {
		field_refuse(L, index, name, "number of bytes from 1 on");
	}
}

static void check_full(lua_State *L, int index, const char *name)
{
	const char *full = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";

	if (strcmp(full, "leave") != 0 && strcmp(full, "stop") != 0) {
		field_refuse(L, index, name, "string \"leave\" or \"stop\"");
	}
}

enum { AFTER_FIELD, FULL_FIELD, LIMIT_FIELD };

static const field fields[] = {
	[AFTER_FIELD] = {"after", check_after},
	[FULL_FIELD] = {"full", check_full},
	[LIMIT_FIELD] = {"limit", check_limit},
	{NULL, NULL},
};

void reader_options_check(lua_State *L, int index, const char *name)
{
	field_check_boolean_or_table(L, index, name, fields);
}

bool reader_options_get(lua_State *L, int index, reader_options *options)
{
	*options = (reader_options){.after = READER_AFTER, .limit = READER_LIMIT};
	if (!lua_istable(L, index)) {
		return lua_toboolean(L, index);
	}
	options->after = (double)field_get_number(L, index, &fields[AFTER_FIELD], READER_AFTER);
	options->limit = (size_t)field_get_number(L, index, &fields[LIMIT_FIELD], (lua_Number)READER_LIMIT);
	field_push_at(L, index, &fields[FULL_FIELD]);
	options->stops = !lua_isnil(L, -1) && strcmp(lua_tostring(L, -1), "stop") == 0;
	lua_pop(L, 1);
	return true;
}
