/*
 * Events of libcpg: any messages, configurations and rings, through the callbacks into the queue and from there into
 * Lua values, which must be equal.
 */
#include <stdint.h>
#include <string.h>

#include <lualib.h>

#include "cpg/cpg.h"
#include "handle/fetch.h"
#include "input.h"
#include "must.h"

#define MOST 8 /* addresses and nodes in a list */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzzed {
	cpg cpg;
	input given;
} fuzzed;

/* One event of the input: the arguments of a callback, and the expected Lua values. */
typedef struct given_event {
	enum { EVENT_MESSAGE, EVENT_CONFIG, EVENT_RING } type;
	uint32_t node, pid;
	uint64_t seq;
	size_t counts[3];
	struct cpg_address addresses[3 * MOST];
	uint32_t nodes[MOST];
	const uint8_t *bytes;
	size_t length;
} given_event;

static void read_message(input *in, given_event *t)
{
	t->node = (uint32_t)take(in, 4);
	t->pid = (uint32_t)take(in, 4);
	t->length = take(in, 2);
	t->length = t->length < in->size ? t->length : in->size;
	t->bytes = in->data;
	in->data += t->length;
	in->size -= t->length;
}

static void read_config(input *in, given_event *t)
{
	size_t list, i, total = 0;

	for (list = 0; list < 3; list++) {
		t->counts[list] = take(in, 1) % (MOST + 1);
		for (i = 0; i < t->counts[list]; i++, total++) {
			t->addresses[total].nodeid = (uint32_t)take(in, 1);
			t->addresses[total].pid = (uint32_t)take(in, 1);
			t->addresses[total].reason = (uint32_t)take(in, 1);
		}
	}
}

static void read_ring(input *in, given_event *t)
{
	size_t i;

	t->node = (uint32_t)take(in, 4);
	t->seq = take(in, 8);
	t->counts[0] = take(in, 1) % (MOST + 1);
	for (i = 0; i < t->counts[0]; i++) {
		t->nodes[i] = (uint32_t)take(in, 4);
	}
}

/* False at the end of the input. */
static bool read_event(input *in, given_event *t)
{
	if (in->size == 0) {
		return false;
	}
	memset(t, 0, sizeof *t);
	switch (take(in, 1) % 3) {
	case 0:
		t->type = EVENT_MESSAGE;
		read_message(in, t);
		break;
	case 1:
		t->type = EVENT_CONFIG;
		read_config(in, t);
		break;
	default:
		t->type = EVENT_RING;
		read_ring(in, t);
		break;
	}
	return true;
}

/* In place of cpg_dispatch: one event. */
static cs_error_t dispatch(uint64_t id, cs_dispatch_flags_t flags)
{
	fuzzed *f = (fuzzed *)fetch_handle();
	given_event t;

	(void)id;
	(void)flags;
	if (!read_event(&f->given, &t)) {
		return CS_ERR_TRY_AGAIN;
	}
	if (t.type == EVENT_MESSAGE) {
		cpg_event_message(0, NULL, t.node, t.pid, (void *)(uintptr_t)t.bytes, t.length);
	} else if (t.type == EVENT_CONFIG) {
		/* A handle drops events after its own leave, which these inputs may contain. */
		cpg_event_config(0, NULL, t.addresses, t.counts[0], t.addresses + t.counts[0], t.counts[1],
			t.addresses + t.counts[0] + t.counts[1], t.counts[2]);
		f->cpg.was_told_left = false;
	} else {
		cpg_event_ring(0, (struct cpg_ring_id){t.node, t.seq}, (uint32_t)t.counts[0], t.nodes);
	}
	return CS_OK;
}

/* A field of the table on top of the stack, as a number. [-0, +0, e] */
static uint32_t field(lua_State *L, const char *name)
{
	uint32_t number;

	lua_getfield(L, -1, name);
	number = (uint32_t)lua_tonumber(L, -1);
	lua_pop(L, 1);
	return number;
}

static void check_message(lua_State *L, const given_event *t)
{
	size_t length;
	const char *bytes = lua_tolstring(L, -1, &length);

	must(length == t->length && (length == 0 || memcmp(bytes, t->bytes, length) == 0));
	lua_pop(L, 1);
	must(field(L, "node") == t->node && field(L, "pid") == t->pid);
}

/* The three lists are on top of the stack; pops them, the last first. */
static void check_config(lua_State *L, const given_event *t)
{
	size_t list, i, end = t->counts[0] + t->counts[1] + t->counts[2];

	for (list = 3; list-- > 0; lua_pop(L, 1)) {
		end -= t->counts[list];
		must(compat_rawlen(L, -1) == t->counts[list]);
		for (i = 0; i < t->counts[list]; i++, lua_pop(L, 1)) {
			lua_rawgeti(L, -1, (int)i + 1);
			must(field(L, "node") == t->addresses[end + i].nodeid && field(L, "pid") == t->addresses[end + i].pid);
		}
	}
}

static void check_ring(lua_State *L, const given_event *t)
{
	size_t i;

	must(compat_rawlen(L, -1) == t->counts[0]);
	for (i = 0; i < t->counts[0]; i++, lua_pop(L, 1)) {
		lua_rawgeti(L, -1, (int)i + 1);
		must((uint32_t)lua_tonumber(L, -1) == t->nodes[i]);
	}
	lua_pop(L, 1);
	must(field(L, "node") == t->node);
}

/* The handle's user value is at index 1. */
static void check_event(lua_State *L, handle *h, const event *ev, const given_event *t)
{
	const event_kind *kind = &cpg_event_kinds[ev->kind];
	int values = kind->push(L, h, ev, 1);

	must(values == lua_gettop(L) - 1 && values == (t->type == EVENT_CONFIG ? 3 : 2));
	if (t->type == EVENT_MESSAGE) {
		must(strcmp(kind->name, "message") == 0);
		check_message(L, t);
	} else if (t->type == EVENT_CONFIG) {
		must(strcmp(kind->name, "config") == 0);
		check_config(L, t);
	} else {
		must(strcmp(kind->name, "ring") == 0);
		check_ring(L, t);
	}
	lua_settop(L, 1);
}

static void push_values(lua_State *L)
{
	cpg_address_setup(L);
	lua_settop(L, 0);
	lua_newtable(L);
	cpg_address_push_cache(L);
	lua_rawseti(L, 1, VALUE_ADDRESSES);
}

/* Fetches in small rounds, so that events are queued while others arrive. */
static void run(lua_State *L, fuzzed *f, input looked_for)
{
	handle *h = &f->cpg.handle;
	bool drained = false;
	given_event t;

	while (!drained) {
		must(fetch_events(h, &h->queue, 3, FETCH_BYTES, &drained) == NULL);
		while (h->queue.count > (drained ? 0 : 1)) {
			must(read_event(&looked_for, &t));
			check_event(L, h, queue_head(&h->queue), &t);
			queue_pop(&h->queue);
		}
	}
	must(looked_for.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const handle_class class = {.dispatch = dispatch, .kinds = cpg_event_kinds};
	fuzzed f = {.cpg = {.handle = {.class = &class, .state = HANDLE_OPEN}, .node = 1}, .given = {data, size}};
	lua_State *L = luaL_newstate();

	if (L != NULL) {
		push_values(L);
		run(L, &f, f.given);
		queue_free(&f.cpg.handle.queue);
		lua_close(L);
	}
	return 0;
}
