#include "votequorum/votequorum.h"

#include <string.h>

#include <corosync/votequorum.h>

#include "handle/call.h"
#include "support/argument.h"

/***
@module corosync.votequorum
*/

static const failure failure_qdevice_exists = {
	"exist", "a quorum device with another name is registered: unregister that one first"};
static const failure failure_qdevice_name = {
	"invalid_param", "a quorum device's name is 1 to 254 bytes, none of them zero"};
static const failure failure_qdevice_name_too_long = {
	"name_too_long", "a quorum device's name is 1 to 254 bytes, none of them zero"};
static const failure failure_qdevice_none = {"not_exist", "no quorum device is registered on this node"};
static const failure failure_qdevice_other = {
	"invalid_param", "the quorum device registered on this node has another name"};
static const failure failure_qdevice_ring = {
	"message_error", "the ring is not the present one: poll with the last one that nodelist_change has passed"};
static const failure failure_qdevice_ruled_out = {
	"access", "corosync.conf has an option that excludes quorum devices: see Corosync's log"};

static const failure *check_name(const char *name, size_t length)
{
	if (length >= VOTEQUORUM_QDEVICE_MAX_NAME_LEN) {
		return &failure_qdevice_name_too_long;
	}
	return length == 0 || memchr(name, '\0', length) != NULL ? &failure_qdevice_name : NULL;
}

/* The handle at index 1, the name at index 2; `why` is NULL if both are usable. Raises for other types. [-0, +0, v] */
static handle *check(lua_State *L, const char **name, const failure **why)
{
	handle *h = handle_check(L);
	size_t length;

	*name = luaL_checklstring(L, 2, &length);
	*why = handle_unusable(h);
	if (*why == NULL) {
		*why = check_name(*name, length);
	}
	return h;
}

/* NULL for CS_OK, else the failure of a call for the device. */
static const failure *failure_of_call(handle *h, cs_error_t error)
{
	switch (error) {
	case CS_ERR_ACCESS: return &failure_qdevice_ruled_out;
	case CS_ERR_EXIST: return &failure_qdevice_exists;
	case CS_ERR_INVALID_PARAM: return &failure_qdevice_other;
	case CS_ERR_MESSAGE_ERROR: return &failure_qdevice_ring;
	case CS_ERR_NOT_EXIST: return &failure_qdevice_none;
	default: return handle_failure(h, error);
	}
}

/* The failure of a call for the device of that name, or NULL. */
#define CALL_FOR(h, what, name, call) failure_of_call(h, CALL_ON(h, what, name, strlen(name), call))

/* Pushes "<verb> <noun> '<the argument at that index>'". [-0, +1, m] */
static void push_attempt(lua_State *L, const char *verb, const char *noun, int index)
{
	size_t length;
	const char *name = lua_tolstring(L, index, &length);

	failure_push_attempt(L, verb, noun, name, length);
}

static int return_result(lua_State *L, const char *verb, const failure *why)
{
	if (why != NULL) {
		push_attempt(L, verb, "quorum device", 2);
		return failure_push(L, why);
	}
	return success_push(L);
}

/***
Registers a quorum device on this node, which adds the device's votes to the node's as long as it polls. After the
handle is closed it stays registered, without its votes, until it is unregistered or Corosync ends; registering it again
is allowed. The call blocks while the cluster's membership is changing. Calls `votequorum_qdevice_register`.
@function handle:qdevice_register
@tparam string name 1 to 254 bytes, none of them zero; the same on all nodes
@treturn boolean true
@error nil, message, code: "exist" (a device with another name is registered), "access" (corosync.conf has an option
that excludes devices, as two_node), "try_again" (another program is registering one), "name_too_long", "invalid_param",
"not_connected", "closed", "wrong_process"
*/
int votequorum_qdevice_method_register(lua_State *L)
{
	const char *name;
	const failure *why;
	handle *h = check(L, &name, &why);

	if (why == NULL) {
		why = CALL_FOR(h, "register", name, votequorum_qdevice_register(h->id, name));
	}
	return return_result(L, "register", why);
}

/***
Ends the registration of this node's quorum device; its name is forgotten once no member of the cluster has one
registered. Calls `votequorum_qdevice_unregister`.
@function handle:qdevice_unregister
@tparam string name
@treturn boolean true
@error nil, message, code: "not_exist" (no device is registered), "invalid_param" (the registered one has another name;
or the name is not valid), "name_too_long", "not_connected", "closed", "wrong_process"
*/
int votequorum_qdevice_method_unregister(lua_State *L)
{
	const char *name;
	const failure *why;
	handle *h = check(L, &name, &why);

	if (why == NULL) {
		why = CALL_FOR(h, "unregister", name, votequorum_qdevice_unregister(h->id, name));
	}
	return return_result(L, "unregister", why);
}

/***
Gives the registered quorum device another name, on all nodes. It has the new name once the nodes have agreed on it,
some milliseconds after the call: see `info`. Calls `votequorum_qdevice_update`.
@function handle:qdevice_update
@tparam string old_name
@tparam string new_name
@treturn boolean true
@error nil, message, code: "not_exist" (no device is registered), "invalid_param" (the registered one has another name
than the old; or a name is not valid), "name_too_long", "not_connected", "closed", "wrong_process"
*/
int votequorum_qdevice_method_update(lua_State *L)
{
	const char *old_name, *new_name;
	const failure *why;
	handle *h = check(L, &old_name, &why);
	size_t length;

	new_name = luaL_checklstring(L, 3, &length);
	if (why == NULL) {
		why = check_name(new_name, length);
	}
	if (why == NULL) {
		why = CALL_FOR(h, "rename", old_name, votequorum_qdevice_update(h->id, old_name, new_name));
	}
	if (why != NULL) {
		push_attempt(L, "rename", "quorum device", 2);
		push_attempt(L, "", "to", 3);
		lua_concat(L, 2);
		return failure_push(L, why);
	}
	return success_push(L);
}

static votequorum_ring_id_t check_ring(lua_State *L, int index)
{
	uint64_t seq = 0;
	bool whole;

	luaL_checktype(L, index, LUA_TTABLE);
	lua_getfield(L, index, "seq");
	whole = compat_touint64(L, -1, &seq);
	luaL_argcheck(L, whole, index, "ring.seq must be a whole number, not negative, or a string of 20 digits");
	lua_getfield(L, index, "node");
	/* In the place of the ring, so that an error names the argument by its number. */
	lua_replace(L, index);
	return (votequorum_ring_id_t){.nodeid = argument_check_uint32(L, index, "ring.node"), .seq = seq};
}

/***
Reports that the quorum device is alive, and whether it gives its votes to this node. Without a poll within
quorum.device.timeout (10 s) of corosync.conf the device and its votes count as lost. While a device is alive a
change of the ring, and with it the whole cluster, waits for the poll with the new ring, at most
quorum.device.sync_timeout (30 s): poll at once in `nodelist_change`. Calls `votequorum_qdevice_poll`.
@function handle:qdevice_poll
@tparam string name
@tparam boolean cast_vote
@tparam corosync.cpg.ring ring the present one, as the last `nodelist_change` has passed it
@treturn boolean true
@error nil, message, code: "message_error" (the ring is not the present one), "not_exist" (no device is registered),
"invalid_param" (the registered one has another name; or the name is not valid), "access", "name_too_long",
"not_connected", "closed", "wrong_process"; raises for another ring than such a table
*/
int votequorum_qdevice_method_poll(lua_State *L)
{
	const char *name;
	const failure *why;
	handle *h = check(L, &name, &why);
	votequorum_ring_id_t ring;
	unsigned votes;

	luaL_checktype(L, 3, LUA_TBOOLEAN);
	votes = (unsigned)lua_toboolean(L, 3);
	ring = check_ring(L, 4);
	if (why == NULL) {
		why = CALL_FOR(h, "poll", name, votequorum_qdevice_poll(h->id, name, votes, ring));
	}
	return return_result(L, "poll for", why);
}

/***
Sets whether a part of the cluster is quorate by the quorum device's vote alone, however few its other votes are.
Unregistering the device does not change it. Calls `votequorum_qdevice_master_wins`.
@function handle:qdevice_master_wins
@tparam string name
@tparam boolean allow
@treturn boolean true
@error nil, message, code: "not_exist" (no device is registered), "invalid_param" (the registered one has another name;
or the name is not valid), "access", "name_too_long", "not_connected", "closed", "wrong_process"
*/
int votequorum_qdevice_method_master_wins(lua_State *L)
{
	const char *name;
	const failure *why;
	handle *h = check(L, &name, &why);
	unsigned allow;

	luaL_checktype(L, 3, LUA_TBOOLEAN);
	allow = (unsigned)lua_toboolean(L, 3);
	if (why == NULL) {
		why = CALL_FOR(h, "master_wins", name, votequorum_qdevice_master_wins(h->id, name, allow));
	}
	return return_result(L, "set master_wins of", why);
}
