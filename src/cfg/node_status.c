#include "cfg/cfg.h"

#include <string.h>

#include "handle/call.h"
#include "support/argument.h"

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

static cs_error_t read_node(handle *h, uint32_t node, struct corosync_cfg_node_status_v1 *status)
{
	/* knet has ids of 16 bits, to which the daemon truncates longer ones: the status would be another node's. */
	cs_error_t error = node > UINT16_MAX ? cfg_nodes_check(h, node) : CS_OK;

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
int cfg_node_status_method_get(lua_State *L)
{
	cfg *c = handle_check(L);
	uint32_t node = argument_check_uint32(L, 2, "node");
	const failure *why = cfg_nodes_unaskable(c);

	if (why == NULL) {
		why = cfg_nodes_failure(c, push_status(L, &c->handle, node));
	}
	return why == NULL ? 1 : cfg_nodes_fail(L, "get the status of", node, why);
}
