/* The field `reader` of open's table: true, or a table with `after`, `limit` and `full`. */
#ifndef COROSYNC_LUA_HANDLE_READER_OPTIONS_H
#define COROSYNC_LUA_HANDLE_READER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "support/compat.h"

/* The defaults. */
#define READER_AFTER 0.02 /* seconds */
#define READER_LIMIT ((size_t)64 * 1024 * 1024)

typedef struct reader_options {
	double after; /* seconds that events wait before it takes them */
	size_t limit; /* bytes that may wait for Lua, in all */
	bool stops;   /* at the limit it only stops taking; otherwise it calls the class's give_up */
} reader_options;

/* Raises unless the value at that index is valid. [-0, +0, v] */
void reader_options_check(lua_State *L, int index, const char *name);

/* Reads the value at that index, a boolean, table or nil; false for no reader. [-0, +0, v] */
bool reader_options_get(lua_State *L, int index, reader_options *options);

#endif
