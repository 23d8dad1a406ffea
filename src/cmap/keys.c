#include "cmap/cmap.h"

#include <string.h>

#include "handle/call.h"
#include "support/queue.h"
#include "support/userdata.h"

/***
@module corosync.cmap
*/

static const failure failure_key = {"invalid_param", "a key is 3 to 255 letters, digits and any of ._-/:"};
static const failure failure_key_too_long = {"name_too_long", "a key is 3 to 255 letters, digits and any of ._-/:"};

const failure *cmap_prefix_check(const char *prefix, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:";

	if (length > CMAP_KEYNAME_MAXLEN) {
		return &failure_key_too_long;
	}
	return strspn(prefix, letters) != length ? &failure_key : NULL;
}

const failure *cmap_key_check(const char *key, size_t length)
{
	return length < CMAP_KEYNAME_MINLEN ? &failure_key : cmap_prefix_check(key, length);
}

int cmap_key_fail(lua_State *L, const char *verb, const failure *why)
{
	size_t length;
	const char *key = lua_tolstring(L, 2, &length);

	failure_push_attempt(L, verb, "cmap key", key, length);
	return failure_push(L, why);
}

/* ---- iteration ---- */

/* The keys read are kept as events in a queue of their own. */
typedef struct entry {
	event event;
	cmap_value_types_t type;
	size_t key_length, length;
	char bytes[]; /* the key, the value */
} entry;

static cs_error_t keep(queue *entries, const char *key, const cmap_value *v)
{
	size_t key_length = strlen(key);
	entry *e = (entry *)queue_append(entries, 0, EVENT_PAYLOAD(entry) + key_length + v->length);

	if (e == NULL) {
		return CS_ERR_NO_MEMORY;
	}
	e->type = v->type;
	e->key_length = key_length;
	e->length = v->length;
	memcpy(e->bytes, key, key_length);
	memcpy(e->bytes + key_length, v->as.bytes, v->length);
	return CS_OK;
}

/* Reads the iteration to its end without touching Lua, so that it is always finalized. */
static cs_error_t read_all(queue *entries, cmap_handle_t id, cmap_iter_handle_t iteration)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	cmap_value v;
	cs_error_t error;

	while ((error = cmap_iter_next(id, iteration, key, NULL, NULL)) == CS_OK) {
		error = cmap_value_get(id, key, &v);
		if (error == CS_OK) {
			error = keep(entries, key, &v);
		}
		/* A key may be deleted meanwhile. */
		if (error != CS_OK && error != CS_ERR_NOT_EXIST) {
			return error;
		}
	}
	return error == CS_ERR_NO_SECTIONS ? CS_OK : error;
}

static cs_error_t read_keys(queue *entries, cmap_handle_t id, const char *prefix)
{
	cmap_iter_handle_t iteration;
	cs_error_t error = cmap_iter_init(id, prefix, &iteration);

	if (error != CS_OK) {
		return error;
	}
	error = read_all(entries, id, iteration);
	(void)cmap_iter_finalize(id, iteration);
	return error;
}

/* Upvalues: keys, values, types, the number returned so far. */
static int next_key(lua_State *L)
{
	int position = (int)lua_tointeger(L, lua_upvalueindex(4)) + 1, i;

	lua_pushinteger(L, position);
	lua_replace(L, lua_upvalueindex(4));
	for (i = 1; i <= 3; i++) {
		lua_rawgeti(L, lua_upvalueindex(i), position);
	}
	return 3;
}

/* Sets the fields of that position in the tables keys, values and types, at the indices 2 to 4. [-0, +0, m] */
static void build_entry(lua_State *L, const entry *e, int position)
{
	cmap_value v;

	v.type = e->type;
	v.length = e->length;
	memcpy(v.as.bytes, e->bytes + e->key_length, e->length);
	lua_pushlstring(L, e->bytes, e->key_length);
	lua_rawseti(L, 2, position);
	if (cmap_value_push(L, &v)) {
		lua_rawseti(L, 3, position);
	}
	lua_pushstring(L, cmap_value_type_name(e->type));
	lua_rawseti(L, 4, position);
}

/* Argument: the entries as light userdata. Pushes the iterator. */
static int build(lua_State *L)
{
	queue *entries = lua_touserdata(L, 1);
	int position;

	lua_newtable(L);
	lua_newtable(L);
	lua_newtable(L);
	for (position = 1; queue_head(entries) != NULL; position++) {
		build_entry(L, (const entry *)queue_head(entries), position);
		queue_pop(entries);
	}
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_key, 4);
	return 1;
}

static void release(void *entries)
{
	queue_free(entries);
}

/* Pushes an iterator over the keys with that prefix, as the map is now; on an error pushes nothing. [-0, +1|0, m] */
static cs_error_t push_iterator(lua_State *L, handle *h, const char *prefix)
{
	queue entries = {0};
	cs_error_t error;

	lua_pushcfunction(L, build);
	lua_pushlightuserdata(L, &entries);
	error = CALL_ON(h, "each", prefix, strlen(prefix), read_keys(&entries, h->id, prefix));
	if (error != CS_OK) {
		queue_free(&entries);
		lua_pop(L, 2);
		return error;
	}
	userdata_build(L, 1, 1, release, &entries);
	return CS_OK;
}

/***
Iterates over the keys that begin with a prefix: `for key, value, type in assert(map:each "totem.") do … end`.
They are read at the call, so the loop may be left early, and may change the map.
`pairs(map)` iterates over all keys, in Lua 5.2 and later, and raises where this returns an error.
Calls `cmap_iter_init`, `cmap_iter_next` and `cmap_get`.
@function map:each
@tparam[opt=""] string prefix
@treturn fun():(string,number|string,string) an iterator that returns key, value and type
@error nil, message, code: "invalid_param" and "name_too_long" (no key can begin so), "no_memory", "not_connected",
"closed", "wrong_process"
*/
int cmap_keys_method_each(lua_State *L)
{
	cmap *m = handle_check(L);
	size_t length;
	const char *prefix = luaL_optlstring(L, 2, "", &length);
	const failure *why = handle_unusable(&m->handle);

	why = why == NULL ? cmap_prefix_check(prefix, length) : why;
	if (why == NULL) {
		why = handle_failure(&m->handle, push_iterator(L, &m->handle, prefix));
	}
	if (why == NULL) {
		return 1;
	}
	failure_push_attempt(L, "list the cmap keys", "that begin with", prefix, length);
	return failure_push(L, why);
}

/* For pairs, which could not tell a returned error from an iterator. */
int cmap_keys_metamethod_pairs(lua_State *L)
{
	lua_settop(L, 1);
	if (cmap_keys_method_each(L) == 1) {
		return 1;
	}
	lua_pop(L, 1);
	return lua_error(L);
}
