#include "cfg/cfg.h"

#include <arpa/inet.h>
#include <string.h>

#include "handle/call.h"
#include "support/argument.h"
#include "support/stack.h"

/***
@module corosync.cfg
*/

static const failure failure_node_unknown = {"not_exist", "there is no such node, or it is not in the cluster now"};

int cfg_nodes_fail(lua_State *L, const char *verb, uint32_t node, const failure *why)
{
	lua_pushfstring(L, "%s node ", verb);
	compat_pushuint32(L, node);
	lua_concat(L, 2);
	return failure_push(L, why);
}

const failure *cfg_nodes_failure(cfg *c, cs_error_t error)
{
	return error == CS_ERR_NOT_EXIST ? &failure_node_unknown : handle_failure(&c->handle, error);
}

const failure *cfg_nodes_unaskable(const cfg *c)
{
	const failure *why = handle_unusable(&c->handle);

	return why == NULL && !stack_suffices() ? &FAILURE_NO_STACK : why;
}

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

cs_error_t cfg_nodes_check(handle *h, uint32_t node)
{
	address_list list;

	return read_addresses(h, node, &list);
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
	const failure *why = cfg_nodes_unaskable(c);

	if (why == NULL) {
		why = cfg_nodes_failure(c, push_addresses(L, &c->handle, node));
	}
	return why == NULL ? 1 : cfg_nodes_fail(L, "get the addresses of", node, why);
}

/* ---- ending a node ---- */

#define LONGEST_REASON 255

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
		why = cfg_nodes_failure(c, handle_verify(&c->handle, error));
	}
	return why == NULL ? success_push(L) : cfg_nodes_fail(L, "kill", node, why);
}
