#include "cfg/cfg.h"

#include <stdlib.h>

#include "handle/call.h"
#include "support/userdata.h"

/***
@module corosync.cfg
*/

/***
One of this node's interfaces, as `ring_status` returns them.
@table interface
@tfield string interface the link's number and this node's address on it, as "0 10.9.0.1"
@tfield string status "OK" with the transports udp and udpu. With knet it has one character for each node, in the order
of their ids: "n" for this one, "?" for unknown, else the sum of 1 (enabled), 2 (connected) and 4 (dynamically
connected), so "3" is a working link
*/

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

/* Pushes the array of interfaces, right after cfg_probe has returned CS_OK; on an error nothing. [-0, +1|0, m] */
static cs_error_t push_rings(lua_State *L, handle *h)
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

/***
This node's interfaces. Calls `corosync_cfg_ring_status_get`, which does not check whether Corosync accepted its
request: if it did not, libcfg reads invalid memory. So another request is sent first; only the moment between the two
remains.
@function handle:ring_status
@treturn interface[]
@error nil, message, code: "try_again", "no_memory", "not_connected", "closed", "wrong_process"
*/
int cfg_rings_method_status(lua_State *L)
{
	cfg *c = handle_check(L);
	const failure *why = handle_unusable(&c->handle);

	if (why == NULL) {
		why = handle_failure(&c->handle, cfg_probe(c));
	}
	if (why == NULL) {
		why = handle_failure(&c->handle, push_rings(L, &c->handle));
	}
	return why == NULL ? 1 : cfg_return(L, "get the status of the rings", why);
}
