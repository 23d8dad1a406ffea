#include "cpg/cpg.h"

#include "handle/connection.h"
#include "handle/reader.h"
#include "support/field.h"
#include "support/pid.h"

/***
@module corosync.cpg
*/

static void check_previous(lua_State *L, int index, const char *name)
{
	bool same;

	if (lua_type(L, index) == LUA_TUSERDATA && lua_getmetatable(L, index)) {
		luaL_getmetatable(L, cpg_class.type);
		same = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
		if (same) {
			return;
		}
	}
	field_refuse(L, index, name, "cpg handle");
}

static void check_window(lua_State *L, int index, const char *name)
{
	int64_t window;

	if (lua_type(L, index) != LUA_TNUMBER || !compat_toint64(L, index, &window) || window < 1 || window > INT32_MAX) {
		field_refuse(L, index, name, "number of messages from 1 on");
	}
}

static const field open_fields[] = {
	{"config_change", field_check_function},
	{"daemon_user", field_check_user},
	{"error", field_check_function},
	{"lagged", field_check_function},
	{"message_received", field_check_function},
	{"pack", cpg_pack_options_check},
	{"previous", check_previous},
	{"reader", reader_options_check},
	{"ring_change", field_check_function},
	{"split", field_check_boolean},
	{"window", check_window},
	{NULL, NULL},
};

/* Raises unless the argument is a table for open. [-0, +0, v] */
static void check_open(lua_State *L)
{
	bool excluded;

	fields_check(L, open_fields);
	field_push(L, "pack");
	field_push(L, "split");
	excluded = lua_toboolean(L, -2) && lua_toboolean(L, -1);
	lua_pop(L, 2);
	luaL_argcheck(L, !excluded, 1,
		"the fields 'pack' and 'split' exclude each other: use 'pack' alone, which also cuts long messages");
}

/* Gives the new handle at index `to` the addresses of the handle at index `from`, or a new cache. [-0, +0, m] */
static void set_addresses(lua_State *L, int from, int to)
{
	compat_getuservalue(L, to);
	if (lua_isnil(L, from)) {
		cpg_address_push_cache(L);
		lua_rawseti(L, -2, VALUE_ADDRESSES);
		lua_pop(L, 1);
		return;
	}
	compat_getuservalue(L, from);
	lua_rawgeti(L, -1, VALUE_ADDRESSES);
	lua_rawseti(L, -3, VALUE_ADDRESSES);
	lua_rawgeti(L, -1, VALUE_MEMBERS);
	lua_rawseti(L, -3, VALUE_MEMBERS);
	lua_pop(L, 2);
}

static cs_error_t read_constants(handle *h)
{
	cpg *c = (cpg *)h;
	cs_error_t error = cpg_local_get(h->id, &c->node);

	return error == CS_OK ? cpg_max_atomic_msgsize_get(h->id, &c->max_atomic_size) : error;
}

/* Closes the open handle on top of the stack, because a part of it could not be started. [-0, +n, m] */
static int give_up_open(lua_State *L, cpg *c, const char *attempt, int error)
{
	connection_finalize(&c->handle);
	return failure_push_system(L, attempt, error);
}

typedef struct open_options {
	bool packs, stands_by;
	pack_options pack;
	reader_options reader;
} open_options;

/* Starts packing and the reader, if chosen; returns the number of open's results. [-0, +n, m] */
static int start_options(lua_State *L, cpg *c, const open_options *options)
{
	int error = options->packs ? cpg_pack_start(c, &options->pack) : 0;

	if (error != 0) {
		return give_up_open(L, c, "pack the messages of a cpg handle", error);
	}
	error = options->stands_by ? reader_start(&c->handle, &options->reader) : 0;
	return error == 0 ? 1 : give_up_open(L, c, "start the reader of a cpg handle", error);
}

/***
Connects to the local Corosync. The handle is in no group yet.
The handle uses the table itself: a handler replaced in it is called for the next event.
Calls `cpg_model_initialize` with model v1; takes about 15 ms and 3 MB of /dev/shm.
@function cpg.open
@tparam table handlers
@tparam[opt] fun(address:address,message:string) handlers.message_received called for each message
@tparam[opt] fun(members:address[],left:address[],joined:address[]) handlers.config_change called when the membership
has changed. The lists are right at any size, although libcpg lists at most 128 members: where its lists do not suffice,
the handle reads Corosync's own list, which blocks while Corosync is paused. More than 128 members of a group on nodes
that leave or join at once make Corosync's daemon abort.
@tparam[opt] fun(ring:ring,nodes:integer[]) handlers.ring_change called with the new ring and the ids of its nodes
@tparam[opt] fun(message:string) handlers.error called with the message and traceback of an error in a handler;
without it they go to stderr
@tparam[opt=false] boolean|table handlers.pack put many small messages into one Corosync message and cut long messages
into pieces: see [Packing](../topics/packing.md.html). It is true, or a table with `bytes`, the size of a full frame
(16000; with datagram sockets at most that), and `limit`, the longest message (64 MiB). All members of a group must
pack, or none: messages from members that do not are dropped and reported through `error`. With `pack`, `send` returns
once the message is in the frame, the default of `window` is 8192, and the handle uses two more descriptors.
@tparam[opt=false] boolean handlers.split let libcpg cut messages longer than max_message_size() into pieces. Such
a message is not atomic: members that join meanwhile may miss one delivered in their own configuration, a change of the
configuration makes the send fail with "interrupt" (nothing was delivered, and the script must send it again), and the
send blocks for up to 1 s a piece while Corosync's queue is full. Use it only for long messages to C programs that do
not know frames; otherwise use `pack`.
@tparam[opt=256] integer handlers.window the most of the handle's own messages that may be in flight; their bytes are
limited as well (see `reader`). Beyond it, send fails with "try_again" until some have come back: `dispatch`, `receive`
or `fetch` take them from the daemon. The window keeps libcpg from spinning: while a daemon is paused, the 279th send
would.
@tparam[opt=false] boolean|table handlers.reader true or a table for a stand-by thread. The daemon stores events that no
member takes without bound, so the thread takes events that have waited there for `after` seconds (0.02). It stores up
to `limit` bytes (64 MiB) for the next dispatch. At the limit the handle leaves its group and drops later events;
dispatch fails with "overflow" after the stored ones. With `full = "stop"` the thread only stops taking events; the
default is "leave". At most a quarter of the limit (of 64 MiB without a reader) may be the handle's own messages that
wait to be handled: beyond it, send fails with "backlog" until some have been handled, so that no sender fills its own
queue. Other members' messages do not count, nor does a single message of any size.
@tparam[opt] fun(seconds:number,events:integer,bytes:integer) handlers.lagged called before the next event when events
have waited for `after` seconds, again whenever that time has doubled, and whenever the reader has taken some: with
about how long the oldest has waited, and the number and bytes of all that wait
@tparam[opt] integer handlers.daemon_user the id of the user that the daemon must run as, else open fails with "access";
without it root and this process's user are trusted. Any program can take the names of Corosync's sockets while it is
down.
@tparam[opt] handle handlers.previous an earlier handle, closed or not, whose addresses this one reuses: the same
member is then the same table in both
@treturn handle
@error nil, message, code: "not_connected" (Corosync is not running, or has another /dev/shm), "access" (the user is
not permitted, or another user's program has taken the socket's name), "try_again", "no_space" (/dev/shm is full),
"no_memory", "no_resources" (open files); raises for an unknown field or one of the wrong type
*/
int cpg_open_module_open(lua_State *L)
{
	enum { AT_SPLIT = 2, AT_PREVIOUS, AT_READER, AT_WINDOW, AT_PACK, AT_HANDLE };
	static const field options[] = {
		{"split", field_check_boolean},
		{"previous", check_previous},
		{"reader", reader_options_check},
		{"window", check_window},
		{"pack", cpg_pack_options_check},
	};
	open_options chosen;
	cpg *c;
	int results;
	size_t i;

	check_open(L);
	lua_settop(L, 1);
	for (i = 0; i < sizeof options / sizeof *options; i++) {
		field_push_at(L, 1, &options[i]);
	}
	chosen.stands_by = reader_options_get(L, AT_READER, &chosen.reader);
	chosen.packs = cpg_pack_options_get(L, AT_PACK, &chosen.pack);
	c = connection_new(L, &cpg_class, sizeof *c, 1);
	c->split = lua_toboolean(L, AT_SPLIT);
	c->window =
		lua_isnil(L, AT_WINDOW) ? (chosen.packs ? PACK_WINDOW : CPG_WINDOW) : (uint32_t)lua_tonumber(L, AT_WINDOW);
	set_addresses(L, AT_PREVIOUS, AT_HANDLE);
	results = connection_open(L, &c->handle, read_constants);
	return results == 1 ? start_options(L, c, &chosen) : results;
}

/***
Raises if `open` would refuse the table, and opens nothing.
@function cpg.check
@tparam corosync.cpg.open.handlers handlers
*/
int cpg_open_module_check(lua_State *L)
{
	check_open(L);
	return 0;
}

int cpg_open_module_repack(lua_State *L)
{
	cpg *c = luaL_checkudata(L, 1, cpg_class.type);
	pack_options options;
	bool packs;

	lua_settop(L, 2);
	cpg_pack_options_check(L, 2, "pack");
	luaL_argcheck(L, c->pack != NULL && c->membership == MEMBERSHIP_NONE, 1, "it does not pack, or has joined");
	packs = cpg_pack_options_get(L, 2, &options);
	/* A fork cannot join with it, and no thread would release the lock there. */
	if (c->handle.owner != pid_get()) {
		return 0;
	}
	/* Corosync sends changes of the ring also to a handle that has not joined, and the reader may take one now. */
	reader_lock(c->handle.reader);
	if (packs) {
		cpg_pack_set_options(c, &options);
	} else {
		cpg_pack_end(c);
		c->window = CPG_WINDOW;
	}
	reader_unlock(c->handle.reader, false);
	return 0;
}
