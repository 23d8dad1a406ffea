#include "cmap/cmap.h"

#include <string.h>

#include "handle/call.h"

/***
@module corosync.cmap
*/

static const failure failure_out_of_range = {"out_of_range", "no number of this Lua can hold the value"};
static const failure failure_read_only = {"access", "the key is read-only: only Corosync sets it"};
static const failure failure_type_kept = {
	"invalid_param", "the key has another type: omit the type, or delete the key first"};
static const failure failure_type_needed = {"not_exist", "there is no such key: pass a type to create it"};

static int return_result(lua_State *L, const char *verb, const failure *why)
{
	return why == NULL ? success_push(L) : cmap_key_fail(L, verb, why);
}

/* The map at index 1 and the key at index 2; `why` is NULL if both can be used. Raises for other types. [-0, +0, v] */
static cmap *check(lua_State *L, const char **key, const failure **why)
{
	cmap *m = handle_check(L);
	size_t length;

	*key = luaL_checklstring(L, 2, &length);
	*why = handle_unusable(&m->handle);
	if (*why == NULL) {
		*why = cmap_key_check(*key, length);
	}
	return m;
}

/* The failure of a call that changes a key, or NULL. */
static const failure *change_failure(cmap *m, cs_error_t error)
{
	return error == CS_ERR_ACCESS ? &failure_read_only : handle_failure(&m->handle, error);
}

#define CALL_FOR(m, what, key, call) CALL_ON(&(m)->handle, what, key, strlen(key), call)

static cs_error_t read_value(cmap *m, const char *key, cmap_value *v)
{
	return CALL_FOR(m, "get", key, cmap_value_get(m->handle.id, key, v));
}

static const failure *get(cmap *m, const char *key, cmap_value *v)
{
	return handle_failure(&m->handle, read_value(m, key, v));
}

/***
The value of a key. Calls `cmap_get`.
@function map:get
@tparam string key
@treturn number|string the value: an integer, a float or a string
@treturn string its type
@error nil, message, code: "not_exist" (no such key), "invalid_param" and "name_too_long" (not a valid key),
"out_of_range" (no number of this Lua can hold it), "not_connected", "closed", "wrong_process"
*/
int cmap_access_method_get(lua_State *L)
{
	const char *key;
	const failure *why;
	cmap *m = check(L, &key, &why);
	cmap_value v;

	why = why == NULL ? get(m, key, &v) : why;
	if (why == NULL && !cmap_value_push(L, &v)) {
		why = &failure_out_of_range;
	}
	if (why != NULL) {
		return cmap_key_fail(L, "get", why);
	}
	lua_pushstring(L, cmap_value_type_name(v.type));
	return 2;
}

/* The type of a key's new value: the present one, or for a new key the given one, else 0. */
static const failure *choose_type(cmap *m, const char *key, cmap_value_types_t given, cmap_value_types_t *type)
{
	cmap_value v;
	cs_error_t error = read_value(m, key, &v);

	if (error == CS_ERR_NOT_EXIST) {
		*type = given;
		return given == 0 ? &failure_type_needed : NULL;
	}
	if (error != CS_OK) {
		return handle_failure(&m->handle, error);
	}
	*type = v.type;
	return given != 0 && given != *type ? &failure_type_kept : NULL;
}

/***
Sets a key. An existing key keeps its type, a new one needs a type. Values are never rounded or cut to fit,
except fractions to a float. Calls `cmap_get` and `cmap_set`.
@function map:set
@tparam string key
@tparam number|string value a number for the numeric types, a string for "string" and "binary"
@tparam[opt] string type for a new key; for an existing key it must be its type
@treturn boolean true
@error nil, message, code: "not_exist" (a new key, and no type), "out_of_range", "invalid_param" (the value or the given
type does not match the key's type; or the key is not valid), "too_big", "name_too_long", "access" (read-only),
"not_connected", "closed", "wrong_process"; raises for other values than numbers and strings, and for an unknown type
*/
int cmap_access_method_set(lua_State *L)
{
	const char *key;
	const failure *why;
	cmap *m = check(L, &key, &why);
	cmap_value_types_t given = 0, type = 0;
	cmap_value v;

	luaL_argcheck(
		L, lua_type(L, 3) == LUA_TNUMBER || lua_type(L, 3) == LUA_TSTRING, 3, "value must be a number or a string");
	if (!lua_isnoneornil(L, 4)) {
		given = cmap_value_check_type(L, 4);
	}
	why = why == NULL ? choose_type(m, key, given, &type) : why;
	why = why == NULL ? cmap_value_take(L, 3, type, &v) : why;
	if (why == NULL) {
		why = change_failure(m, CALL_FOR(m, "set", key, cmap_set(m->handle.id, key, &v.as, v.length, type)));
	}
	return return_result(L, "set", why);
}

/***
Deletes a key. Calls `cmap_delete`.
@function map:delete
@tparam string key
@treturn boolean true
@error nil, message, code: "not_exist", "access" (read-only), "invalid_param", "name_too_long", "not_connected",
"closed", "wrong_process"
*/
int cmap_access_method_delete(lua_State *L)
{
	const char *key;
	const failure *why;
	cmap *m = check(L, &key, &why);

	if (why == NULL) {
		why = change_failure(m, CALL_FOR(m, "delete", key, cmap_delete(m->handle.id, key)));
	}
	return return_result(L, "delete", why);
}

static int step(lua_State *L, const char *verb, bool up)
{
	const char *key;
	const failure *why;
	cmap *m = check(L, &key, &why);
	cmap_value v;

	why = why == NULL ? get(m, key, &v) : why;
	why = why == NULL ? cmap_value_check_step(&v, up) : why;
	if (why == NULL) {
		why = change_failure(m, CALL_FOR(m, verb, key, up ? cmap_inc(m->handle.id, key) : cmap_dec(m->handle.id, key)));
	}
	return return_result(L, verb, why);
}

/***
Adds one to an integer, in one step on the daemon: several programs may do it at the same time. At the end of the type's
range it fails, unless another program reached the end at the same moment. Calls `cmap_get` and `cmap_inc`.
@function map:increment
@tparam string key
@treturn boolean true
@error nil, message, code: "out_of_range", "not_exist", "invalid_param" (no integer, or not a valid key), "access"
(read-only), "name_too_long", "not_connected", "closed", "wrong_process"
*/
int cmap_access_method_increment(lua_State *L)
{
	return step(L, "increment", true);
}

/***
Subtracts one from an integer, as `increment` adds one. Calls `cmap_get` and `cmap_dec`.
@function map:decrement
@tparam string key
@treturn boolean true
@error as increment
*/
int cmap_access_method_decrement(lua_State *L)
{
	return step(L, "decrement", false);
}
