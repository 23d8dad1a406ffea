/*
 * What has threads, connections or descriptors must end before the memory of its Lua state goes. Lua finalizes nothing
 * that a finalizer makes while the state ends; so such objects are in a list of their state's, which ends those that are
 * left, and then refuses new ones.
 */
#ifndef COROSYNC_LUA_SUPPORT_CLEANUP_H
#define COROSYNC_LUA_SUPPORT_CLEANUP_H

#include <stddef.h>

#include "support/compat.h"
#include "support/failure.h"

/* Part of an object; all zeros before it is used. */
typedef struct cleanup {
	struct cleanup *next, **link;
	void (*end)(struct cleanup *e);
} cleanup;

/* The object of some type that an ending is the field `ending` of. */
#define CLEANUP_OF(type, e) ((type *)(void *)((char *)(e)-offsetof(type, cleanup)))

/* Why nothing can be opened any more. */
extern const failure FAILURE_STATE_CLOSING;

/* Makes the state's list, if it has none: it must be older than all that comes into it. [-0, +0, m] */
void cleanup_setup(lua_State *L);

/* `end` will be called unless cleanup_forget is called before. False when the state has ended all. [-0, +0, m] */
bool cleanup_register(lua_State *L, cleanup *e, void (*end)(cleanup *e));

/* The first in the state's list, by `next` all others; NULL if there is none. [-0, +0, m] */
const cleanup *cleanup_first(lua_State *L);

/* When an object has ended, and at the latest when its memory goes. Again, it does nothing. */
void cleanup_forget(cleanup *e);

#endif
