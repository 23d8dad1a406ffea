#include "cfg/cfg.h"

#include <arpa/inet.h>
#include <string.h>

#include "handle/call.h"
#include "support/argument.h"
#include "support/stack.h"

/***
@module corosync.cfg
*/

/***
A node as this one sees it: the result of `node_status`.
@table status
@tfield integer node its id
@tfield boolean reachable
@tfield boolean remote
@tfield boolean external
@tfield integer onwire_min the oldest version of knet's protocol that the node speaks; 0 with an older knet
@tfield integer onwire_max the newest one
@tfield integer onwire_version the one in use
@tfield link[] links the enabled ones
*/

/***
A link to a node.
@table link
@tfield integer link its number, from 0
@tfield boolean enabled
@tfield boolean connected
@tfield boolean dynconnected
@tfield integer mtu bytes
@tfield string|nil source an address, nil when unknown
@tfield string|nil destination an address, nil when unknown
*/

static const failure failure_node_unknown = {"not_exist", "there is no such node, or it is not in the cluster now"};

#define LONGEST_REASON 255

/* ---- addresses ---- */

typedef struct address_list {
	corosync_cfg_node_address_t addresses[CFG_MAX_LINKS];
	int count;
} address_list;

static cs_error_t read_addresses(handle *h, uint32_t node, address_list *list)
{
	cs_error_t error;

	/* libcfg leaves parts of unused addresses unset. */
	memset(list, 0, sizeof *list);
	error = CALL(
		h, "node_addresses", corosync_cfg_get_node_addrs(h->id, node, CFG_MAX_LINKS, &list->count, list->addresses));
	if (list->count > CFG_MAX_LINKS) {
		list->count = CFG_MAX_LINKS;
	}
	return error;
}

/* Pushes an address as text; false, and nothing pushed, for an unused one. [-0, +1|0, m] */
static bool push_address(lua_State *L, const corosync_cfg_node_address_t *address)
{
	char text[INET6_ADDRSTRLEN];
	union {
		sa_family_t family;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} as;
	const void *bytes;

	memcpy(&as, address->address, sizeof as);
	bytes = as.family == AF_INET6 ? (const void *)&as.in6.sin6_addr : &as.in.sin_addr;
	if (as.family == 0 || inet_ntop(as.family, bytes, text, sizeof text) == NULL) {
		return false;
	}
	lua_pushstring(L, text);
	return true;
}

/* Pushes the array of a node's addresses; on an error pushes nothing. [-0, +1|0, m] */
static cs_error_t push_addresses(lua_State *L, handle *h, uint32_t node)
{
	address_list list;
	cs_error_t error = read_addresses(h, node, &list);
	int i, pushed = 0;

	if (error != CS_OK) {
		return error;
	}
	lua_createtable(L, list.count, 0);
	for (i = 0; i < list.count; i++) {
		if (push_address(L, &list.addresses[i])) {
			lua_rawseti(L, -2, ++pushed);
		}
	}
	return CS_OK;
}

/* ---- status ---- */

static void set_boolean(lua_State *L, const char *name, bool value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, name);
}

/* Sets text of at most CFG_MAX_HOST_LEN bytes, unless it is empty. */
static void set_host(lua_State *L, const char *name, const char *host)
{
	size_t length = strnlen(host, CFG_MAX_HOST_LEN);

	if (length > 0) {
		lua_pushlstring(L, host, length);
		lua_setfield(L, -2, name);
	}
}

static void push_link(lua_State *L, int number, const struct corosync_knet_link_status_v1 *status)
{
	lua_createtable(L, 0, 7);
	lua_pushinteger(L, number);
	lua_setfield(L, -2, "link");
	set_boolean(L, "enabled", status->enabled != 0);
	set_boolean(L, "connected", status->connected != 0);
	set_boolean(L, "dynconnected", status->dynconnected != 0);
	compat_setuint32(L, "mtu", status->mtu);
	set_host(L, "source", status->src_ipaddr);
	set_host(L, "destination", status->dst_ipaddr);
}

static void push_links(lua_State *L, const struct corosync_cfg_node_status_v1 *status)
{
	int i, pushed = 0;

	lua_newtable(L);
	for (i = 0; i < CFG_MAX_LINKS; i++) {
		if (status->link_status[i].enabled) {
			push_link(L, i, &status->link_status[i]);
			lua_rawseti(L, -2, ++pushed);
		}
	}
}

/* knet has ids of 16 bits, to which the daemon truncates longer ones: the status would be another node's. */
static cs_error_t check_wide_node(handle *h, uint32_t node)
{
	address_list list;

	return node > UINT16_MAX ? read_addresses(h, node, &list) : CS_OK;
}

static cs_error_t read_node(handle *h, uint32_t node, struct corosync_cfg_node_status_v1 *status)
{
	cs_error_t error = check_wide_node(h, node);

	if (error == CS_OK) {
		error = CALL(h, "node_status", corosync_cfg_node_status_get(h->id, node, CFG_NODE_STATUS_V1, status));
	}
	/* The daemon's error for a node that knet does not know. */
	return error == CS_ERR_FAILED_OPERATION ? CS_ERR_NOT_EXIST : error;
}

/* Pushes the table of a node's status; on an error pushes nothing. [-0, +1|0, m] */
static cs_error_t push_status(lua_State *L, handle *h, uint32_t node)
{
	struct corosync_cfg_node_status_v1 status;
	cs_error_t error = read_node(h, node, &status);

	if (error != CS_OK) {
		return error;
	}
	lua_createtable(L, 0, 8);
	compat_setuint32(L, "node", node);
	set_boolean(L, "reachable", status.reachable != 0);
	set_boolean(L, "remote", status.remote != 0);
	set_boolean(L, "external", status.external != 0);
	compat_setuint32(L, "onwire_min", status.onwire_min);
	compat_setuint32(L, "onwire_max", status.onwire_max);
	compat_setuint32(L, "onwire_version", status.onwire_ver);
	push_links(L, &status);
	lua_setfield(L, -2, "links");
	return CS_OK;
}

/* ---- methods ---- */

/* Pushes nil, "cannot <verb> node <node>: …", code; returns 3. [-0, +3, m] */
static int fail_node(lua_State *L, const char *verb, uint32_t node, const failure *why)
{
	lua_pushfstring(L, "%s node ", verb);
	compat_pushuint32(L, node);
	lua_concat(L, 2);
	return failure_push(L, why);
}

/* The failure of a call about a node, or NULL. */
static const failure *node_failure(cfg *c, cs_error_t error)
{
	return error == CS_ERR_NOT_EXIST ? &failure_node_unknown : handle_failure(&c->handle, error);
}

/* NULL if a call about a node is possible: libcfg puts Corosync's reply on the stack. */
static const failure *unaskable(const cfg *c)
{
	const failure *why = handle_unusable(&c->handle);

	return why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
}

/***
A node's addresses in the configuration, one for each link. Corosync takes all of them for addresses of the first one's
family, so if links have different families, the other addresses are wrong. Calls `corosync_cfg_get_node_addrs`.
@function handle:node_addresses
@tparam integer node a node's id; 0 is this node
@treturn string[]
@error nil, message, code: "not_exist" (no such node in the list of nodes), "not_connected", "closed",
"wrong_process", "no_stack" (see @{corosync.events}); raises for an invalid node id
*/
int cfg_nodes_method_addresses(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = argument_check_uint32(L, 2, "node");
	const failure *why = unaskable(c);

	if (why == NULL) {
		why = node_failure(c, push_addresses(L, &c->handle, node));
	}
	return why == NULL ? 1 : fail_node(L, "get the addresses of", node, why);
}

/***
A node and the links to it, as this node sees them. Only the transport knet has all fields. With udp and udpu there is
one link, whose source is that node's address and which has no destination, the onwire fields are 0, and a node that
does not exist is unreachable and has no links. Calls `corosync_cfg_node_status_get`.
@function handle:node_status
@tparam integer node a node's id
@treturn status
@error nil, message, code: "not_exist" (knet does not know the node), "not_connected", "closed", "wrong_process",
"no_stack" (see @{corosync.events}); raises for an invalid node id
*/
int cfg_nodes_method_status(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = argument_check_uint32(L, 2, "node");
	const failure *why = unaskable(c);

	if (why == NULL) {
		why = node_failure(c, push_status(L, &c->handle, node));
	}
	return why == NULL ? 1 : fail_node(L, "get the status of", node, why);
}

/***
Ends Corosync on a node of the cluster at once, without shutdown requests. Calls `corosync_cfg_kill_node`.
@function handle:kill_node
@tparam integer node the id of a node in the present membership; this node is allowed
@tparam[opt="no reason given"] string reason for that node's log: up to 255 bytes, none of them zero
@treturn boolean true: the order was sent
@error nil, message, code: "not_exist" (no such node in the membership), "try_again", "not_connected", "closed",
"wrong_process"; raises for an invalid node id or reason
*/
int cfg_nodes_method_kill(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = argument_check_uint32(L, 2, "node");
	size_t length;
	const char *reason = luaL_optlstring(L, 3, "no reason given", &length);
	const failure *why = handle_unusable(&c->handle);
	cs_error_t error;

	luaL_argcheck(L, length <= LONGEST_REASON, 3, "reason must not be longer than 255 bytes");
	luaL_argcheck(L, strlen(reason) == length, 3, "reason must not have zero bytes");
	if (why == NULL) {
		error = CALL(&c->handle, "kill_node", corosync_cfg_kill_node(c->handle.id, node, reason));
		/* Without a daemon libcfg returns uninitialized memory. */
		why = node_failure(c, handle_verify(&c->handle, error));
	}
	return why == NULL ? success_push(L) : fail_node(L, "kill", node, why);
}
