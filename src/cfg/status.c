#include "cfg/cfg.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "handle/call.h"
#include "support/userdata.h"

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

cs_error_t cfg_status_push_addresses(lua_State *L, handle *h, uint32_t node)
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

/* ---- a node ---- */

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

cs_error_t cfg_status_push_node(lua_State *L, handle *h, uint32_t node)
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

/* ---- this node's interfaces ---- */

typedef struct ring_list {
	char **names, **statuses;
	unsigned int count;
} ring_list;

static void ring_list_free(void *source)
{
	ring_list *list = source;
	unsigned int i;

	for (i = 0; i < list->count; i++) {
		free(list->names[i]);
		free(list->statuses[i]);
	}
	free(list->names);
	free(list->statuses);
}

/* Argument: the list as light userdata. Pushes the array. */
static int build_rings(lua_State *L)
{
	const ring_list *list = lua_touserdata(L, 1);
	unsigned int i;

	lua_createtable(L, (int)list->count, 0);
	for (i = 0; i < list->count; i++) {
		lua_createtable(L, 0, 2);
		lua_pushstring(L, list->names[i]);
		lua_setfield(L, -2, "interface");
		lua_pushstring(L, list->statuses[i]);
		lua_setfield(L, -2, "status");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

cs_error_t cfg_status_push_rings(lua_State *L, handle *h)
{
	ring_list list = {0};
	cs_error_t error;

	lua_pushcfunction(L, build_rings);
	lua_pushlightuserdata(L, &list);
	error = CALL(h, "ring_status", corosync_cfg_ring_status_get(h->id, &list.names, &list.statuses, &list.count));
	if (error != CS_OK) {
		/* libcfg has freed the lists. */
		lua_pop(L, 2);
		return error;
	}
	userdata_build(L, 1, 1, ring_list_free, &list);
	return CS_OK;
}
