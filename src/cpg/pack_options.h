/* The field `pack` of open's table: true, or a table with `bytes` and `limit`. */
#ifndef COROSYNC_LUA_CPG_PACK_OPTIONS_H
#define COROSYNC_LUA_CPG_PACK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "support/compat.h"

/* The default. Longer frames are not faster; shorter ones cost messages of 1 000 bytes a fifth of their rate. */
#define PACK_FRAME_BYTES ((size_t)16000)

typedef struct pack_options {
	size_t bytes; /* a frame of this size is full */
	size_t limit; /* the longest message */
} pack_options;

/* Raises unless the value at that index is valid. [-0, +0, v] */
void cpg_pack_options_check(lua_State *L, int index, const char *name);

/* Reads the value at that index, a boolean, table or nil; false for no packing. [-0, +0, v] */
bool cpg_pack_options_get(lua_State *L, int index, pack_options *options);

#endif
