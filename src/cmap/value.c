#include "cmap/cmap.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "support/argument.h"

static const failure failure_value_nul = {"invalid_param", "a string cannot hold a zero byte: use the type \"binary\""};
static const failure failure_value_range = {"out_of_range", "the key's type cannot hold the value exactly"};
static const failure failure_value_too_big = {
	"too_big", "a value is at most 16384 bytes, including a string's final zero byte"};
static const failure failure_value_type = {"invalid_param", "the value does not match the key's type"};

static const char *const type_names[] = {
	"i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "float", "double", "string", "binary", NULL};

/* The types are numbered from 1. */
static const cmap_value_types_t first_type = CMAP_VALUETYPE_INT8;

const char *cmap_value_type_name(cmap_value_types_t type)
{
	return type >= first_type && type <= CMAP_VALUETYPE_BINARY ? type_names[type - first_type] : NULL;
}

cmap_value_types_t cmap_value_check_type(lua_State *L, int index)
{
	return (cmap_value_types_t)((unsigned)argument_check_option(L, index, NULL, type_names) + first_type);
}

/* ---- from Corosync ---- */

cs_error_t cmap_value_get(cmap_handle_t id, const char *key, cmap_value *v)
{
	v->length = sizeof v->as;
	return cmap_get(id, key, &v->as, &v->length, &v->type);
}

/* ---- to Lua ---- */

/* The stored length of a string counts its NUL. */
static bool push_string(lua_State *L, const cmap_value *v)
{
	lua_pushlstring(L, v->as.bytes, strnlen(v->as.bytes, v->length));
	return true;
}

static bool push_number(lua_State *L, double number)
{
	lua_pushnumber(L, (lua_Number)number);
	return true;
}

static bool push_u64(lua_State *L, uint64_t number)
{
	compat_pushuint64(L, number);
	return true;
}

bool cmap_value_push(lua_State *L, const cmap_value *v)
{
	switch (v->type) {
	case CMAP_VALUETYPE_INT8: return compat_pushint64(L, v->as.i8);
	case CMAP_VALUETYPE_UINT8: return compat_pushint64(L, v->as.u8);
	case CMAP_VALUETYPE_INT16: return compat_pushint64(L, v->as.i16);
	case CMAP_VALUETYPE_UINT16: return compat_pushint64(L, v->as.u16);
	case CMAP_VALUETYPE_INT32: return compat_pushint64(L, v->as.i32);
	case CMAP_VALUETYPE_UINT32: return compat_pushint64(L, v->as.u32);
	case CMAP_VALUETYPE_INT64: return compat_pushint64(L, v->as.i64);
	case CMAP_VALUETYPE_UINT64: return push_u64(L, v->as.u64);
	case CMAP_VALUETYPE_FLOAT: return push_number(L, (double)v->as.f32);
	case CMAP_VALUETYPE_DOUBLE: return push_number(L, v->as.f64);
	case CMAP_VALUETYPE_STRING: return push_string(L, v);
	case CMAP_VALUETYPE_BINARY: break;
	}
	lua_pushlstring(L, v->as.bytes, v->length);
	return true;
}

/* ---- from Lua ---- */

static const struct {
	size_t size;
	int64_t least;
	uint64_t most;
} integers[] = {
	[CMAP_VALUETYPE_INT8] = {sizeof(int8_t), INT8_MIN, INT8_MAX},
	[CMAP_VALUETYPE_UINT8] = {sizeof(uint8_t), 0, UINT8_MAX},
	[CMAP_VALUETYPE_INT16] = {sizeof(int16_t), INT16_MIN, INT16_MAX},
	[CMAP_VALUETYPE_UINT16] = {sizeof(uint16_t), 0, UINT16_MAX},
	[CMAP_VALUETYPE_INT32] = {sizeof(int32_t), INT32_MIN, INT32_MAX},
	[CMAP_VALUETYPE_UINT32] = {sizeof(uint32_t), 0, UINT32_MAX},
	[CMAP_VALUETYPE_INT64] = {sizeof(int64_t), INT64_MIN, INT64_MAX},
	[CMAP_VALUETYPE_UINT64] = {sizeof(uint64_t), 0, UINT64_MAX},
};

static bool is_integer(cmap_value_types_t type)
{
	return type >= CMAP_VALUETYPE_INT8 && type <= CMAP_VALUETYPE_UINT64;
}

/* Stores the lowest bits of an integer that the type has. */
static void store_bits(cmap_value *v, uint64_t bits)
{
	v->length = integers[v->type].size;
	switch (v->length) {
	case sizeof v->as.u8: v->as.u8 = (uint8_t)bits; break;
	case sizeof v->as.u16: v->as.u16 = (uint16_t)bits; break;
	case sizeof v->as.u32: v->as.u32 = (uint32_t)bits; break;
	default: v->as.u64 = bits; break;
	}
}

static const failure *take_integer(lua_State *L, int index, cmap_value *v)
{
	double number = (double)lua_tonumber(L, index);
	int64_t integer;
	uint64_t bits;

	if (v->type == CMAP_VALUETYPE_UINT64 && compat_touint64(L, index, &bits)) {
		store_bits(v, bits);
		return NULL;
	}
	if (lua_type(L, index) != LUA_TNUMBER || floor(number) != number) {
		return &failure_value_type;
	}
	if (!compat_toint64(L, index, &integer) || integer < integers[v->type].least ||
		(integer > 0 && (uint64_t)integer > integers[v->type].most)) {
		return &failure_value_range;
	}
	store_bits(v, (uint64_t)integer);
	return NULL;
}

/* Fractions are rounded, whole numbers are not: a float may have fewer digits, and a double fewer than an integer. */
static bool is_kept(lua_State *L, int index, double kept)
{
	double number = (double)lua_tonumber(L, index);
	int64_t integer;

	if (floor(number) == number && kept != number) {
		return false;
	}
	return !compat_toint64(L, index, &integer) || (kept >= -0x1p63 && kept < 0x1p63 && (int64_t)kept == integer);
}

static const failure *take_number(lua_State *L, int index, cmap_value *v)
{
	double number = (double)lua_tonumber(L, index), kept = number;

	if (lua_type(L, index) != LUA_TNUMBER) {
		return &failure_value_type;
	}
	if (v->type == CMAP_VALUETYPE_DOUBLE) {
		v->as.f64 = number;
		v->length = sizeof v->as.f64;
	} else {
		if (!isinf(number) && fabs(number) > (double)FLT_MAX) {
			return &failure_value_range;
		}
		v->as.f32 = (float)number;
		v->length = sizeof v->as.f32;
		kept = (double)v->as.f32;
	}
	return is_kept(L, index, kept) ? NULL : &failure_value_range;
}

static const failure *take_bytes(lua_State *L, int index, cmap_value *v)
{
	size_t length, longest = v->type == CMAP_VALUETYPE_STRING ? CMAP_LONGEST_VALUE - 1 : CMAP_LONGEST_VALUE;
	const char *bytes;

	if (lua_type(L, index) != LUA_TSTRING) {
		return &failure_value_type;
	}
	bytes = lua_tolstring(L, index, &length);
	if (length > longest) {
		return &failure_value_too_big;
	}
	if (v->type == CMAP_VALUETYPE_STRING && memchr(bytes, '\0', length) != NULL) {
		return &failure_value_nul;
	}
	memcpy(v->as.bytes, bytes, length);
	v->length = length;
	return NULL;
}

const failure *cmap_value_take(lua_State *L, int index, cmap_value_types_t type, cmap_value *v)
{
	v->type = type;
	switch (type) {
	case CMAP_VALUETYPE_FLOAT:
	case CMAP_VALUETYPE_DOUBLE: return take_number(L, index, v);
	case CMAP_VALUETYPE_STRING:
	case CMAP_VALUETYPE_BINARY: return take_bytes(L, index, v);
	default: return is_integer(type) ? take_integer(L, index, v) : &failure_value_type;
	}
}

/* Corosync itself would wrap. */
const failure *cmap_value_check_step(const cmap_value *v, bool up)
{
	cmap_value last;

	if (!is_integer(v->type)) {
		return &failure_value_type;
	}
	last.type = v->type;
	store_bits(&last, up ? integers[v->type].most : (uint64_t)integers[v->type].least);
	return memcmp(&v->as, &last.as, last.length) == 0 ? &failure_value_range : NULL;
}
