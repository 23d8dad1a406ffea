#include "handle/node_list.h"

#include <string.h>

#include "handle/fetch.h"

node_list_event *node_list_append(uint64_t kind, uint32_t node, uint64_t seq, const node_list *lists, size_t count)
{
	node_list_event *ev;
	size_t total = 0, i;

	for (i = 0; i < count; i++) {
		total += lists[i].count;
	}
	ev = (node_list_event *)fetch_append(kind, EVENT_PAYLOAD(node_list_event) + total * sizeof *ev->nodes);
	if (ev == NULL) {
		return NULL;
	}
	memset((char *)ev + sizeof(event), 0, EVENT_PAYLOAD(node_list_event));
	ev->node = node;
	ev->seq = seq;
	total = 0;
	for (i = 0; i < count; i++) {
		ev->counts[i] = lists[i].count;
		if (lists[i].count > 0) {
			memcpy(ev->nodes + total, lists[i].nodes, lists[i].count * sizeof *ev->nodes);
		}
		total += lists[i].count;
	}
	return ev;
}

void node_list_push(lua_State *L, const node_list_event *ev, size_t list)
{
	const uint32_t *nodes = ev->nodes;
	size_t i;

	for (i = 0; i < list; i++) {
		nodes += ev->counts[i];
	}
	lua_createtable(L, (int)ev->counts[list], 0);
	for (i = 0; i < ev->counts[list]; i++) {
		compat_pushuint32(L, nodes[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
}

void node_list_push_ring(lua_State *L, const node_list_event *ev)
{
	lua_createtable(L, 0, 2);
	compat_setuint32(L, "node", ev->node);
	compat_pushuint64(L, ev->seq);
	lua_setfield(L, -2, "seq");
}
