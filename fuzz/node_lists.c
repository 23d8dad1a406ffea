/*
 * Events of libvotequorum and libquorum: any lists of nodes, states, votes and rings, through the callbacks into the
 * queue and from there into Lua values, which must be equal.
 */
#include <stdint.h>
#include <string.h>

#include <lualib.h>

#include "handle/fetch.h"
#include "handle/node_list.h"
#include "votequorum/votequorum.h"
#include "input.h"
#include "must.h"

#define MOST 8 /* nodes in a list */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzzed {
	handle handle;
	input given;
} fuzzed;

/* One event of the input. The first three kinds are votequorum's, in their order there. */
typedef struct given_event {
	enum { EVENT_QUORUM, EVENT_NODELIST, EVENT_VOTES, EVENT_LISTS } type;
	uint32_t number, node;
	uint64_t seq;
	size_t counts[NODE_LISTS];
	uint32_t nodes[NODE_LISTS * MOST], states[MOST];
} given_event;

static void read_list(input *in, given_event *t, size_t list, size_t *total)
{
	size_t i;

	t->counts[list] = take(in, 1) % (MOST + 1);
	for (i = 0; i < t->counts[list]; i++, ++*total) {
		t->nodes[*total] = (uint32_t)take(in, 4);
		t->states[i] = (uint32_t)take(in, 1) % 5;
	}
}

/* False at the end of the input. */
static bool read_event(input *in, given_event *t)
{
	size_t list, total = 0;

	if (in->size == 0) {
		return false;
	}
	memset(t, 0, sizeof *t);
	t->type = take(in, 1) % 4;
	t->number = (uint32_t)take(in, 4);
	t->node = (uint32_t)take(in, 4);
	t->seq = take(in, 8);
	for (list = 0; list < (t->type == EVENT_LISTS ? NODE_LISTS : 1); list++) {
		read_list(in, t, list, &total);
	}
	return true;
}

static void tell_quorum(const given_event *t)
{
	votequorum_node_t nodes[MOST];
	size_t i;

	for (i = 0; i < t->counts[0]; i++) {
		nodes[i] = (votequorum_node_t){.nodeid = t->nodes[i], .state = t->states[i]};
	}
	votequorum_event_quorum(0, 0, t->number, (uint32_t)t->counts[0], nodes);
}

/* As libquorum's callbacks do, which have three lists. */
static void tell_lists(const given_event *t)
{
	node_list lists[NODE_LISTS];
	size_t list, total = 0;

	for (list = 0; list < NODE_LISTS; total += t->counts[list], list++) {
		lists[list] = (node_list){t->nodes + total, t->counts[list]};
	}
	(void)node_list_append(EVENT_LISTS, t->node, t->seq, lists, NODE_LISTS);
}

/* In place of votequorum_dispatch: one event. */
static cs_error_t dispatch(uint64_t id, cs_dispatch_flags_t flags)
{
	fuzzed *f = (fuzzed *)fetch_handle();
	given_event t;

	(void)id;
	(void)flags;
	if (!read_event(&f->given, &t)) {
		return CS_ERR_TRY_AGAIN;
	}
	if (t.type == EVENT_QUORUM) {
		tell_quorum(&t);
	} else if (t.type == EVENT_NODELIST) {
		votequorum_event_nodelist(0, 0, (votequorum_ring_id_t){t.node, t.seq}, (uint32_t)t.counts[0], t.nodes);
	} else if (t.type == EVENT_VOTES) {
		votequorum_event_expected_votes(0, 0, t.number);
	} else {
		tell_lists(&t);
	}
	return CS_OK;
}

/* That item of the array on top of the stack, as a number. [-0, +0, e] */
static uint32_t item(lua_State *L, size_t i)
{
	uint32_t number;

	lua_rawgeti(L, -1, (int)i + 1);
	number = (uint32_t)lua_tonumber(L, -1);
	lua_pop(L, 1);
	return number;
}

/* [-1, +0, e] */
static void check_ring(lua_State *L, const given_event *t)
{
	uint64_t seq;

	lua_getfield(L, -1, "seq");
	must(compat_touint64(L, -1, &seq) && seq == t->seq);
	must(lua_type(L, -1) == LUA_TNUMBER || t->seq > (UINT64_C(1) << 53));
	lua_getfield(L, -2, "node");
	must((uint32_t)lua_tonumber(L, -1) == t->node);
	lua_pop(L, 3);
}

/* [-1, +0, e] */
static void check_list(lua_State *L, const given_event *t, size_t list, size_t from)
{
	size_t i;

	must(compat_rawlen(L, -1) == t->counts[list]);
	for (i = 0; i < t->counts[list]; i++) {
		must(item(L, i) == t->nodes[from + i]);
	}
	lua_pop(L, 1);
}

/* The list of nodes with their states is on top of the stack. [-2, +0, e] */
static void check_quorum(lua_State *L, const given_event *t)
{
	size_t i;

	must(compat_rawlen(L, -1) == t->counts[0]);
	for (i = 0; i < t->counts[0]; i++) {
		const char *name = votequorum_info_state_name(t->states[i]), *found;
		lua_rawgeti(L, -1, (int)i + 1);
		lua_getfield(L, -1, "node");
		must((uint32_t)lua_tonumber(L, -1) == t->nodes[i]);
		lua_getfield(L, -2, "state");
		found = lua_tostring(L, -1);
		must(name == NULL ? found == NULL : found != NULL && strcmp(found, name) == 0);
		lua_pop(L, 3);
	}
	lua_pop(L, 1);
	must(lua_toboolean(L, -1) == (t->number != 0));
	lua_pop(L, 1);
}

static void check_lists(lua_State *L, const node_list_event *ev, const given_event *t)
{
	size_t list, from = 0;

	for (list = 0; list < NODE_LISTS; from += t->counts[list], list++) {
		node_list_push(L, ev, list);
		check_list(L, t, list, from);
	}
	node_list_push_ring(L, ev);
	check_ring(L, t);
}

static void check_event(lua_State *L, handle *h, const event *ev, const given_event *t)
{
	must(ev->kind == (uint64_t)t->type);
	if (t->type == EVENT_LISTS) {
		check_lists(L, (const node_list_event *)ev, t);
		return;
	}
	must(votequorum_event_kinds[ev->kind].push(L, h, ev, 0) == (t->type == EVENT_VOTES ? 1 : 2));
	if (t->type == EVENT_QUORUM) {
		check_quorum(L, t);
	} else if (t->type == EVENT_NODELIST) {
		check_ring(L, t);
		check_list(L, t, 0, 0);
	} else {
		must((uint32_t)lua_tonumber(L, -1) == t->number);
		lua_pop(L, 1);
	}
	must(lua_gettop(L) == 0);
}

/* Fetches in small rounds, so that events are queued while others arrive. */
static void run(lua_State *L, fuzzed *f, input looked_for)
{
	queue *waiting = &f->handle.queue;
	bool drained = false;
	given_event t;

	while (!drained) {
		must(fetch_events(&f->handle, waiting, 3, FETCH_BYTES, &drained) == NULL);
		while (waiting->count > (drained ? 0 : 1)) {
			must(read_event(&looked_for, &t));
			check_event(L, &f->handle, queue_head(waiting), &t);
			queue_pop(waiting);
		}
	}
	must(looked_for.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const handle_class class = {.dispatch = dispatch, .kinds = votequorum_event_kinds};
	fuzzed f = {.handle = {.class = &class, .state = HANDLE_OPEN}, .given = {data, size}};
	lua_State *L = luaL_newstate();

	if (L != NULL) {
		run(L, &f, f.given);
		queue_free(&f.handle.queue);
		lua_close(L);
	}
	return 0;
}
