#include "cpg/cpg.h"

#include <string.h>

/* Before the bytes of each message in the string, in the machine's byte order. */
typedef struct head {
	uint32_t node, pid, length;
} head;

static bool is_message(const event *ev)
{
	return ev->kind == KIND_MESSAGE || ev->kind == KIND_OWN_MESSAGE;
}

static size_t size_of(const event *ev)
{
	return sizeof(head) + ((const message_event *)(const void *)ev)->length;
}

static char *put(char *to, const event *ev)
{
	const message_event *message = (const message_event *)(const void *)ev;
	head before = {message->node, message->pid, (uint32_t)message->length};

	memcpy(to, &before, sizeof before);
	memcpy(to + sizeof before, message->bytes, message->length);
	return to + sizeof before + message->length;
}

/* The bytes of the oldest messages, with their heads, that fit into `bytes`, and at least those of one. */
static size_t measure(const handle *h, size_t bytes, size_t *count)
{
	const event *ev = queue_head(&h->queue);
	size_t size = 0;

	*count = 0;
	while (ev != NULL && is_message(ev) && (*count == 0 || size + size_of(ev) <= bytes)) {
		size += size_of(ev);
		(*count)++;
		ev = queue_next(&h->queue, ev);
	}
	return size;
}

size_t cpg_run_gather(lua_State *L, handle *h, size_t bytes)
{
	cpg *c = (cpg *)h;
	const event *ev;
	size_t i, count, size = measure(h, bytes, &count);
	char *buffer, *end;

	if (c->members_unknown || count == 0) {
		return 0;
	}
	lua_pushliteral(L, "messages");
	buffer = end = lua_newuserdata(L, size);
	ev = queue_head(&h->queue);
	for (i = 0; i < count; i++) {
		end = put(end, ev);
		ev = queue_next(&h->queue, ev);
	}
	lua_pushlstring(L, buffer, size);
	lua_replace(L, -2);
	compat_pushuint64(L, count);
	c->received.messages += count;
	c->received.bytes += size - count * sizeof(head);
	return count;
}

/* The head of the message at an offset of the string at index 1. Raises if there is none. [-0, +0, v] */
static head check_head(lua_State *L, const char *run, size_t length, size_t offset)
{
	head found;

	luaL_argcheck(L, offset <= length && length - offset >= sizeof found, 2, "no message begins there");
	memcpy(&found, run + offset, sizeof found);
	luaL_argcheck(L, length - offset - sizeof found >= found.length, 1, "a message is cut off");
	return found;
}

/*
 * (run, offset): returns node and pid of the sender of the message at that offset (0 for the first one), the message,
 * and the offset of the next one, or the string's length.
 */
int cpg_run_unpack(lua_State *L)
{
	size_t length;
	const char *run = luaL_checklstring(L, 1, &length);
	size_t offset = (size_t)luaL_checkinteger(L, 2);
	head found = check_head(L, run, length, offset);

	compat_pushuint64(L, found.node);
	compat_pushuint64(L, found.pid);
	lua_pushlstring(L, run + offset + sizeof found, found.length);
	compat_pushuint64(L, offset + sizeof found + found.length);
	return 4;
}

/* (run, offset, count): returns the offset after so many messages. */
int cpg_run_skip(lua_State *L)
{
	size_t length;
	const char *run = luaL_checklstring(L, 1, &length);
	size_t offset = (size_t)luaL_checkinteger(L, 2);
	lua_Integer count = luaL_checkinteger(L, 3);

	for (; count > 0; count--) {
		offset += sizeof(head) + check_head(L, run, length, offset).length;
	}
	compat_pushuint64(L, offset);
	return 1;
}
