#include "cmap/cmap.h"

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
	.kinds = cmap_event_kinds,
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

static const luaL_Reg methods[] = {
	{"__pairs", cmap_keys_metamethod_pairs},
	{"decrement", cmap_access_method_decrement},
	{"delete", cmap_access_method_delete},
	{"each", cmap_keys_method_each},
	{"get", cmap_access_method_get},
	{"increment", cmap_access_method_increment},
	{"set", cmap_access_method_set},
	{"track", cmap_track_method_track},
	{NULL, NULL},
};

void cmap_push_module(lua_State *L)
{
	methods_push_module(L, &cmap_class, methods, module_open);
	cmap_track_setup(L);
}
