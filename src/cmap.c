#include "cmap.h"

#include <stdint.h>
#include <string.h>

#include <corosync/cmap.h>

#include "handle.h"

/***
Corosync's configuration map: the userdata over libcmap. It also has the methods that all handles share, see
@{corosync.handle} and @{corosync.events}.
@module corosync.cmap
*/

/* exec/icmap.c refuses longer values. */
#define LONGEST_VALUE 16384

typedef struct cmap {
	handle handle;
} cmap;

static const handle_class cmap_class = {
	.type = "corosync.cmap",
	.service = "cmap",
	.fd_get = cmap_fd_get,
	.dispatch = cmap_dispatch,
	.finalize = cmap_finalize,
};

/***
Connects to the cluster's configuration map on the local Corosync. Stands on `cmap_initialize`.
@function cmap.open
@treturn handle
@error nil, message, code: "not_connected", "access", "try_again"
*/
static int module_open(lua_State *L)
{
	cmap *m;
	cmap_handle_t id = 0;
	cs_error_t error;

	lua_settop(L, 0);
	lua_newtable(L);
	m = handle_new(L, &cmap_class, sizeof *m, 1);
	error = cmap_initialize(&id);
	if (error == CS_OK) {
		error = handle_opened(&m->handle, id);
		if (error == CS_OK) {
			return 1;
		}
		(void)cmap_finalize(id);
	}
	return handle_open_failed(L, &cmap_class, error);
}

typedef struct value {
	cmap_value_types_t type;
	size_t length;
	union {
		int8_t i8;
		uint8_t u8;
		int16_t i16;
		uint16_t u16;
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		float real;
		double wide;
		char bytes[LONGEST_VALUE];
	} as;
} value;

static bool push_unsigned(lua_State *L, uint64_t number)
{
	return number <= INT64_MAX && compat_pushint64(L, (int64_t)number);
}

/* The stored length of a string counts its NUL. */
static bool push_string(lua_State *L, const value *v)
{
	lua_pushlstring(L, v->as.bytes, strnlen(v->as.bytes, v->length));
	return true;
}

static bool push_number(lua_State *L, double number)
{
	lua_pushnumber(L, (lua_Number)number);
	return true;
}

/* False when a number of this Lua cannot hold the value. [-0, +0|1, m] */
static bool push_value(lua_State *L, const value *v)
{
	switch (v->type) {
	case CMAP_VALUETYPE_INT8: return compat_pushint64(L, v->as.i8);
	case CMAP_VALUETYPE_UINT8: return push_unsigned(L, v->as.u8);
	case CMAP_VALUETYPE_INT16: return compat_pushint64(L, v->as.i16);
	case CMAP_VALUETYPE_UINT16: return push_unsigned(L, v->as.u16);
	case CMAP_VALUETYPE_INT32: return compat_pushint64(L, v->as.i32);
	case CMAP_VALUETYPE_UINT32: return push_unsigned(L, v->as.u32);
	case CMAP_VALUETYPE_INT64: return compat_pushint64(L, v->as.i64);
	case CMAP_VALUETYPE_UINT64: return push_unsigned(L, v->as.u64);
	case CMAP_VALUETYPE_FLOAT: return push_number(L, (double)v->as.real);
	case CMAP_VALUETYPE_DOUBLE: return push_number(L, v->as.wide);
	case CMAP_VALUETYPE_STRING: return push_string(L, v);
	case CMAP_VALUETYPE_BINARY: break;
	}
	lua_pushlstring(L, v->as.bytes, v->length);
	return true;
}

static const char *type_name(cmap_value_types_t type)
{
	static const char *const names[] = {
		[CMAP_VALUETYPE_INT8] = "i8",
		[CMAP_VALUETYPE_UINT8] = "u8",
		[CMAP_VALUETYPE_INT16] = "i16",
		[CMAP_VALUETYPE_UINT16] = "u16",
		[CMAP_VALUETYPE_INT32] = "i32",
		[CMAP_VALUETYPE_UINT32] = "u32",
		[CMAP_VALUETYPE_INT64] = "i64",
		[CMAP_VALUETYPE_UINT64] = "u64",
		[CMAP_VALUETYPE_FLOAT] = "float",
		[CMAP_VALUETYPE_DOUBLE] = "double",
		[CMAP_VALUETYPE_STRING] = "string",
		[CMAP_VALUETYPE_BINARY] = "binary",
	};

	return (size_t)type < sizeof names / sizeof *names ? names[type] : NULL;
}

/* Corosync answers "not_exist" for what can be no key at all. */
static cs_error_t check_key(const char *key, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:";

	if (length > CMAP_KEYNAME_MAXLEN) {
		return CS_ERR_NAME_TOO_LONG;
	}
	return length < CMAP_KEYNAME_MINLEN || strspn(key, letters) != length ? CS_ERR_INVALID_PARAM : CS_OK;
}

static int fail(lua_State *L, const char *verb, const failure *why)
{
	size_t length;
	const char *key = lua_tolstring(L, 2, &length);

	lua_pushfstring(L, "%s cmap key ", verb);
	failure_push_name(L, key, length);
	lua_concat(L, 2);
	return failure_push(L, why);
}

/***
The value of a key. Stands on `cmap_get`.
@function handle:get
@tparam string key 3 to 255 letters, digits and `._-/:`
@return the value: an integer, a float or a string
@treturn string its type: "i8" to "u64", "float", "double", "string" or "binary"
@error nil, message, code: "not_exist" when there is no such key, "invalid_param" and "name_too_long" for what cannot be one,
"out_of_range" when this Lua has no number for it, "not_connected", "closed", "wrong_process"
*/
static int cmap_method_get(lua_State *L)
{
	cmap *m = handle_check(L, &cmap_class);
	size_t length;
	const char *key = luaL_checklstring(L, 2, &length);
	value v = {.length = sizeof v.as};
	const failure *why = handle_unusable(&m->handle);
	cs_error_t error;

	if (why == NULL) {
		error = check_key(key, length);
		error = error == CS_OK ? cmap_get(m->handle.id, key, &v.as, &v.length, &v.type) : error;
		why = error == CS_OK ? NULL : handle_failure(&m->handle, error);
	}
	if (why == NULL && !push_value(L, &v)) {
		why = &FAILURE_OUT_OF_RANGE;
	}
	if (why != NULL) {
		return fail(L, "get", why);
	}
	lua_pushstring(L, type_name(v.type));
	return 2;
}

static const luaL_Reg methods[] = {
	{"get", cmap_method_get},
	{NULL, NULL},
};

int cmap_push_module(lua_State *L)
{
	handle_setup(L, &cmap_class, methods);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, module_open);
	lua_setfield(L, -2, "open");
	return 1;
}
