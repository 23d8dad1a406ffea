#include "votequorum/votequorum.h"

#include <string.h>

#include "handle/fetch.h"
#include "handle/node_list.h"

enum { KIND_QUORUM, KIND_NODELIST, KIND_EXPECTED_VOTES };

typedef struct quorum_event {
	event event;
	size_t count;
	uint32_t quorate;
	votequorum_node_t nodes[];
} quorum_event;

typedef struct votes_event {
	event event;
	uint32_t votes;
} votes_event;

void votequorum_event_quorum(
	votequorum_handle_t id, uint64_t context, uint32_t quorate, uint32_t count, votequorum_node_t *nodes)
{
	size_t size = count * sizeof *nodes;
	quorum_event *ev = (quorum_event *)fetch_append(KIND_QUORUM, EVENT_PAYLOAD(quorum_event) + size);

	(void)id;
	(void)context;
	if (ev == NULL) {
		return;
	}
	ev->quorate = quorate;
	ev->count = count;
	if (count > 0) {
		memcpy(ev->nodes, nodes, size);
	}
}

void votequorum_event_nodelist(
	votequorum_handle_t id, uint64_t context, votequorum_ring_id_t ring, uint32_t count, uint32_t *members)
{
	node_list list = {members, count};

	(void)id;
	(void)context;
	(void)node_list_append(KIND_NODELIST, ring.nodeid, ring.seq, &list, 1);
}

void votequorum_event_expected_votes(votequorum_handle_t id, uint64_t context, uint32_t votes)
{
	votes_event *ev = (votes_event *)fetch_append(KIND_EXPECTED_VOTES, EVENT_PAYLOAD(votes_event));

	(void)id;
	(void)context;
	if (ev != NULL) {
		ev->votes = votes;
	}
}

static int push_quorum(lua_State *L, handle *h, const event *ev, int values)
{
	const quorum_event *change = (const quorum_event *)ev;
	size_t i;

	(void)h;
	(void)values;
	lua_pushboolean(L, change->quorate != 0);
	lua_createtable(L, (int)change->count, 0);
	for (i = 0; i < change->count; i++) {
		lua_createtable(L, 0, 2);
		compat_setuint32(L, "node", change->nodes[i].nodeid);
		lua_pushstring(L, votequorum_info_state_name(change->nodes[i].state));
		lua_setfield(L, -2, "state");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 2;
}

static int push_nodelist(lua_State *L, handle *h, const event *ev, int values)
{
	const node_list_event *change = (const node_list_event *)ev;

	(void)h;
	(void)values;
	node_list_push(L, change, 0);
	node_list_push_ring(L, change);
	return 2;
}

static int push_expected_votes(lua_State *L, handle *h, const event *ev, int values)
{
	const votes_event *change = (const votes_event *)ev;

	(void)h;
	(void)values;
	compat_pushuint32(L, change->votes);
	return 1;
}

const event_kind votequorum_event_kinds[VOTEQUORUM_EVENT_KINDS] = {
	[KIND_QUORUM] = {.handler = "quorum_change", .name = "quorum", .push = push_quorum},
	[KIND_NODELIST] = {.handler = "nodelist_change", .name = "nodelist", .push = push_nodelist},
	[KIND_EXPECTED_VOTES] = {.handler = "expected_votes_change", .name = "expected_votes", .push = push_expected_votes},
};
