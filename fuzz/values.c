/* The configuration map's typed values, from Lua and to Lua; and its keys. */
#include <stdint.h>
#include <string.h>

#include <lualib.h>

#include "cmap/cmap.h"
#include "must.h"

#define TYPES 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A whole number of any size, any number at all, or bytes. */
static void push_any(lua_State *L, uint8_t kind, const uint8_t *data, size_t size)
{
	int64_t bits = 0;
	double number = 0;

	memcpy(&bits, data, size < sizeof bits ? size : sizeof bits);
	memcpy(&number, &bits, sizeof number);
	switch (kind % 4) {
	case 0: lua_pushinteger(L, (lua_Integer)(bits >> kind / 4)); break;
	case 1: lua_pushnumber(L, (lua_Number)number); break;
	case 2: lua_pushnumber(L, (lua_Number)(bits >> kind / 4)); break;
	default: lua_pushlstring(L, (const char *)data, size); break;
	}
}

static int is_rounded(lua_State *L, const cmap_value *v)
{
	double given = (double)lua_tonumber(L, 1), taken = (double)lua_tonumber(L, 2);
	int is_float = v->type == CMAP_VALUETYPE_FLOAT;

	return (given != given && taken != taken) || (is_float && taken == (double)(float)given);
}

/* An accepted value must be the same when it is pushed again, except for the precision of a float. [-0, +0, m] */
static void try_to_take(lua_State *L, cmap_value_types_t type)
{
	cmap_value v;

	if (cmap_value_take(L, 1, type, &v) == NULL) {
		must(v.type == type && v.length <= CMAP_LONGEST_VALUE);
		must(cmap_value_push(L, &v));
		must(lua_rawequal(L, 1, 2) || lua_tonumber(L, 1) == lua_tonumber(L, 2) || is_rounded(L, &v));
		(void)cmap_value_check_step(&v, true);
		(void)cmap_value_check_step(&v, false);
	}
	lua_settop(L, 1);
}

/* Any program may have stored a value in Corosync: with the length of its type, and any bytes. */
static void try_to_push(lua_State *L, cmap_value_types_t type, const uint8_t *data, size_t size)
{
	static const size_t lengths[] = {1, 1, 2, 2, 4, 4, 8, 8, sizeof(float), sizeof(double)};
	size_t number = (size_t)type - CMAP_VALUETYPE_INT8, i;
	cmap_value v, again;

	v.type = type;
	v.length = number < sizeof lengths / sizeof *lengths ? lengths[number] : size;
	memset(&v.as, 0, sizeof v.as);
	memcpy(&v.as, data, size < v.length ? size : v.length);
	if (cmap_value_push(L, &v) && type <= CMAP_VALUETYPE_UINT64) {
		must(cmap_value_take(L, -1, type, &again) == NULL && again.length == v.length);
		for (i = 0; i < v.length; i++) {
			must(((char *)&v.as)[i] == ((char *)&again.as)[i]);
		}
	}
	lua_settop(L, 1);
}

/* Corosync must accept each key that passes. [-0, +0, m] */
static void try_key(lua_State *L, const uint8_t *data, size_t size)
{
	const char *key;

	lua_pushlstring(L, (const char *)data, size);
	key = lua_tostring(L, -1);
	if (cmap_key_check(key, size) == NULL) {
		must(cmap_prefix_check(key, size) == NULL && size >= CMAP_KEYNAME_MINLEN && size <= CMAP_KEYNAME_MAXLEN);
		must(memchr(key, '\0', size) == NULL && memchr(key, ' ', size) == NULL);
	}
	lua_pop(L, 1);
}

/* A byte for the type, one for the kind of value, and the value's bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	lua_State *L = luaL_newstate();
	cmap_value_types_t type;

	if (L != NULL && size >= 2 && size <= CMAP_LONGEST_VALUE) {
		type = (cmap_value_types_t)(CMAP_VALUETYPE_INT8 + data[0] % TYPES);
		push_any(L, data[1], data + 2, size - 2);
		try_to_take(L, type);
		try_to_push(L, type, data + 2, size - 2);
		try_key(L, data + 2, size - 2);
	}
	if (L != NULL) {
		lua_close(L);
	}
	return 0;
}
