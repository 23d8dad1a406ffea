/*
 * Userdata with threads, connections or descriptors must end before the memory of their Lua state is freed. Lua does
 * not finalize userdata that a finalizer makes while the state closes. So they are in a list of the state's, which ends
 * those that are left, and then refuses new ones.
 */
#ifndef COROSYNC_LUA_SUPPORT_CLEANUP_H
#define COROSYNC_LUA_SUPPORT_CLEANUP_H

#include <stddef.h>

#include "support/compat.h"
#include "support/failure.h"

/* Part of a userdata; all zeros before its first use. */
typedef struct cleanup {
	struct cleanup *next, **link;
	void (*end)(struct cleanup *c);
} cleanup;

/* The struct of that type of which `c` is the field `cleanup`. */
#define CLEANUP_OF(type, c) ((type *)(void *)((char *)(c)-offsetof(type, cleanup)))

/* The state is closing: nothing can be opened. */
extern const failure FAILURE_STATE_CLOSING;

/* Makes the state's list, if it has none: it must be older than its entries. [-0, +0, m] */
void cleanup_setup(lua_State *L);

/* `end` will be called unless cleanup_forget is called before. False when the state is closing. [-0, +0, m] */
bool cleanup_register(lua_State *L, cleanup *c, void (*end)(cleanup *c));

/* The first in the state's list, linked by `next`; NULL if there is none. [-0, +0, m] */
const cleanup *cleanup_first(lua_State *L);

/* Call it when the userdata has ended, at the latest before its memory is freed. A second call does nothing. */
void cleanup_forget(cleanup *c);

#endif
