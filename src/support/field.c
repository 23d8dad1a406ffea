#include "support/field.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void field_refuse(lua_State *L, int index, const char *name, const char *expected)
{
	luaL_argerror(
		L, 1, lua_pushfstring(L, "field '%s' is a %s, and a %s is expected", name, luaL_typename(L, index), expected));
}

void field_check_function(lua_State *L, int index, const char *name)
{
	if (!lua_isfunction(L, index)) {
		field_refuse(L, index, name, "function");
	}
}

void field_check_boolean(lua_State *L, int index, const char *name)
{
	if (!lua_isboolean(L, index)) {
		field_refuse(L, index, name, "boolean");
	}
}

void field_check_boolean_or_table(lua_State *L, int index, const char *name, const field *fields)
{
	if (lua_istable(L, index)) {
		fields_check_at(L, index, fields);
	} else if (!lua_isboolean(L, index)) {
		field_refuse(L, index, name, "boolean or table");
	}
}

/* A user's id, as in `id -u`. */
void field_check_user(lua_State *L, int index, const char *name)
{
	int64_t user;

	if (lua_type(L, index) != LUA_TNUMBER || !compat_toint64(L, index, &user) || user < 0 || user >= UINT32_MAX) {
		field_refuse(L, index, name, "user's number");
	}
}

/*
 * Whether a name is probably a misspelling: with letters that changed places, one too many or too few, the wrong one
 * doubled, or other capitals or underscores.
 */
static bool is_near(const char *name, const char *meant)
{
	int counts[UCHAR_MAX + 1] = {0}, differences = 0, i;

	for (; *name != '\0'; name++) {
		counts[tolower((unsigned char)*name)] += name[0] != name[1];
	}
	for (; *meant != '\0'; meant++) {
		counts[tolower((unsigned char)*meant)] -= meant[0] != meant[1];
	}
	counts['_'] = 0;
	for (i = 0; i <= UCHAR_MAX; i++) {
		differences += abs(counts[i]);
	}
	return differences <= 1;
}

/* Checks the field whose key and value are on top of the stack. [-0, +0, v] */
static void check_one(lua_State *L, const field *fields)
{
	size_t length = 0;
	const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &length) : luaL_typename(L, -2);
	const field *each;

	for (each = fields; each->name != NULL; each++) {
		if (length == strlen(each->name) && strcmp(name, each->name) == 0) {
			each->check(L, lua_gettop(L), name);
			return;
		}
	}
	for (each = fields; each->name != NULL; each++) {
		if (length > 0 && is_near(name, each->name)) {
			luaL_argerror(L, 1, lua_pushfstring(L, "unknown field '%s': did you mean '%s'?", name, each->name));
		}
	}
	luaL_argerror(L, 1, lua_pushfstring(L, "unknown field '%s'", name));
}

void fields_check_at(lua_State *L, int index, const field *fields)
{
	luaL_checkstack(L, LUA_MINSTACK, NULL);
	lua_pushnil(L);
	while (lua_next(L, index) != 0) {
		check_one(L, fields);
		lua_pop(L, 1);
	}
}

void fields_check(lua_State *L, const field *fields)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	fields_check_at(L, 1, fields);
}

void fields_check_optional(lua_State *L, const field *fields)
{
	lua_settop(L, 1);
	if (lua_isnil(L, 1)) {
		lua_newtable(L);
		lua_replace(L, 1);
	}
	fields_check(L, fields);
}

void field_push(lua_State *L, const char *name)
{
	lua_pushstring(L, name);
	lua_rawget(L, 1);
}

void field_push_at(lua_State *L, int index, const field *f)
{
	lua_pushstring(L, f->name);
	lua_rawget(L, index);
	if (!lua_isnil(L, -1)) {
		f->check(L, lua_gettop(L), f->name);
	}
}

lua_Number field_get_number(lua_State *L, int index, const field *f, lua_Number absent)
{
	lua_Number number;

	field_push_at(L, index, f);
	number = lua_isnil(L, -1) ? absent : lua_tonumber(L, -1);
	lua_pop(L, 1);
	return number;
}
