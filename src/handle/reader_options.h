/* The field `reader` of open's table: true, or a table with `after`, `limit` and `full`. */
#ifndef COROSYNC_LUA_HANDLE_READER_OPTIONS_H
#define COROSYNC_LUA_HANDLE_READER_OPTIONS_H

#include "handle/reader.h"

/* The check of that field. Raises for anything else. [-0, +0, v] */
void reader_options_check(lua_State *L, int index, const char *name);

/* Reads the value at that index, a boolean, table or nil; false for no reader. [-0, +0, v] */
bool reader_options_get(lua_State *L, int index, reader_options *options);

#endif
