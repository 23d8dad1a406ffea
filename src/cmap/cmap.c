#include "cmap/cmap.h"

#include "handle/call.h"
#include "handle/connection.h"
#include "handle/methods.h"
#include "support/argument.h"
#include "support/field.h"

/***
Corosync's configuration map: the userdata over libcmap. It also has the methods that all handles share, see
@{corosync.handle} and @{corosync.events}.

    local cmap = require "corosync.cmap"
    local map = assert(cmap.open())
    print(map:get "totem.cluster_name")
    assert(map:set("shop.stock", 12, "u32"))
    for key, value, kind in assert(map:each "nodelist.") do print(key, value, kind) end
    assert(map:track("shop.", function(event, key, new, old) print(event, key, new, old) end))
    while map:wait(10) do
      assert(map:dispatch())
    end

_Keys_ are 3 to 255 letters, digits and any of `._-/:`. _Values_ have a type: "i8", "u8", "i16", "u16", "i32", "u32",
"i64", "u64", "float", "double", "string" (without zero bytes) and "binary"; they have at most 16384 bytes, of which a
string needs one for its end. Integers are exact. A "u64" that no number of this Lua represents exactly (from 2^63 on,
before Lua 5.3 beyond 2^53) is a string of 20 digits with leading zeros, which `set` takes as well: such strings compare
and order as the integers do. Such an "i64", before Lua 5.3, is an error, or nil where several values are returned: in
`each` and in a tracker's handler. The map is local to each node, and lost when Corosync ends.
@module corosync.cmap
@extends corosync.handle, corosync.events
*/

static const failure failure_out_of_range = {"out_of_range", "no number of this Lua can hold the value"};
static const failure failure_read_only = {"access", "the key is read-only: only Corosync sets it"};
static const failure failure_type_kept = {
	"invalid_param", "the key has another type: omit the type, or delete the key first"};
static const failure failure_type_needed = {"not_exist", "there is no such key: pass a type to create it"};

static cs_error_t initialize(handle *h)
{
	return cmap_initialize_map(&h->id, ((cmap *)h)->is_stats ? CMAP_MAP_STATS : CMAP_MAP_ICMAP);
}

static cs_error_t dispatch(uint64_t id, cs_dispatch_flags_t flags)
{
	cs_error_t error = cmap_dispatch(id, flags);

	/* libcmap returns this for a change of a tracker just deleted, which is dropped; the handle is fine. */
	return error == CS_ERR_BAD_HANDLE ? CS_OK : error;
}

static const handle_class cmap_class = {
	.type = "corosync.cmap",
	.service = "cmap",
	.noun = "key",
	.kinds = cmap_track_kinds,
	.initialize = initialize,
	.fd_get = cmap_fd_get,
	.dispatch = dispatch,
	.finalize = cmap_finalize,
};

/* ---- opening ---- */

static const field open_fields[] = {
	{"daemon_user", field_check_user},
	{"error", field_check_function},
	{NULL, NULL},
};

/***
Connects to a map of the local Corosync. Calls `cmap_initialize_map`; takes about 15 ms and 3 MB of /dev/shm.
@function cmap.open
@tparam[opt="icmap"] string map "icmap", the configuration, or "stats", Corosync's counters
@tparam[opt] table handlers
@tparam[opt] fun(message:string) handlers.error called with the message and traceback of an error in a tracker's
handler; without it they go to stderr
@treturn map
@error nil, message, code: "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is
not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full),
"no_memory", "no_resources" (open files)
*/
static int module_open(lua_State *L)
{
	static const char *const names[] = {"icmap", "stats", NULL};
	bool is_stats = argument_check_option(L, 1, "icmap", names) == 1;
	cmap *m;

	if (lua_gettop(L) > 0) {
		lua_remove(L, 1);
	}
	fields_check_optional(L, open_fields);
	m = connection_new(L, &cmap_class, sizeof *m, 1);
	m->is_stats = is_stats;
	compat_getuservalue(L, -1);
	lua_newtable(L);
	lua_rawseti(L, -2, VALUE_TRACKERS);
	lua_pop(L, 1);
	return connection_open(L, &m->handle, NULL);
}

/* ---- values ---- */

/* [-0, +3, m] */
static int fail(lua_State *L, const char *verb, const failure *why)
{
	size_t length;
	const char *key = lua_tolstring(L, 2, &length);

	failure_push_attempt(L, verb, "cmap key", key, length);
	return failure_push(L, why);
}

static int return_result(lua_State *L, const char *verb, const failure *why)
{
	return why == NULL ? success_push(L) : fail(L, verb, why);
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
static int cmap_method_get(lua_State *L)
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
		return fail(L, "get", why);
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
static int cmap_method_set(lua_State *L)
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
static int cmap_method_delete(lua_State *L)
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
static int cmap_method_increment(lua_State *L)
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
static int cmap_method_decrement(lua_State *L)
{
	return step(L, "decrement", false);
}

/***
Calls a handler on each change of a key and of the keys below it: "shop" is for `shop` and for `shop.stock`, "shop."
only for the keys below it, "" for all keys. `dispatch` calls the handler, also when the script keeps no reference to
the tracker, until the tracker is cancelled or the map closed. Calls `cmap_track_add`.

In the map "stats", a tracker of one counter sees its modifications, up to 1.5 s later; a tracker of a prefix only sees
which counters are added and deleted. Old values are not known.
@function map:track
@tparam string name a key, or a prefix that ends in "."
@tparam[opt] fun(event:string,key:string,new:any,old:any,new_type:string,old_type:string) handler called with event
("add", "delete" or "modify"), key, the new value (nil when deleted), the
old value (nil when added), the new value's type and the old value's; `receive` needs no handler
@treturn tracker
@error nil, message, code: "invalid_param", "name_too_long", "not_connected", "closed", "wrong_process"
*/
static int cmap_method_track(lua_State *L)
{
	cmap *m = handle_check(L);
	size_t length;
	const char *name = luaL_checklstring(L, 2, &length);
	const failure *why = handle_unusable(&m->handle);

	lua_settop(L, 3);
	if (!lua_isnil(L, 3)) {
		luaL_checktype(L, 3, LUA_TFUNCTION);
	}
	why = why == NULL ? cmap_prefix_check(name, length) : why;
	why = why == NULL ? cmap_track_add_push(L, m) : why;
	return why == NULL ? 1 : fail(L, "track", why);
}

static const luaL_Reg methods[] = {
	{"__pairs", cmap_keys_metamethod_pairs},
	{"decrement", cmap_method_decrement},
	{"delete", cmap_method_delete},
	{"each", cmap_keys_method_each},
	{"get", cmap_method_get},
	{"increment", cmap_method_increment},
	{"set", cmap_method_set},
	{"track", cmap_method_track},
	{NULL, NULL},
};

void cmap_push_module(lua_State *L)
{
	methods_push_module(L, &cmap_class, methods, module_open);
	cmap_track_setup(L);
}
