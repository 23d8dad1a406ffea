/* The field `reader` of what open functions take: true, or a table with `after`, `limit` and `full`. */
#ifndef COROSYNC_LUA_HANDLE_READER_OPTIONS_H
#define COROSYNC_LUA_HANDLE_READER_OPTIONS_H

#include "handle/reader.h"

/* For the list of fields. Raises for anything else. [-0, +0, v] */
void reader_options_check(lua_State *L, int index, const char *name);

/* What the value at that index, a boolean, table or nil, asks for; false if it asks for no reader. [-0, +0, v] */
bool reader_options_get(lua_State *L, int index, reader_options *options);

#endif
