/*
 * Lists of strings, joined to one string: the lengths in decimal with a space between each two, a newline, and all
 * bytes.
 */
#ifndef COROSYNC_LUA_SUPPORT_STRING_LIST_H
#define COROSYNC_LUA_SUPPORT_STRING_LIST_H

#include "support/compat.h"

/* Lua: join_strings(list) returns the strings of a list in one. */
int string_list_join(lua_State *L);

/*
 * Lua: split_strings(bytes, first, most) returns the list that was joined, from the position `first` to the end of
 * `bytes`; nothing if these bytes are no such list, or if it has more than `most` strings.
 */
int string_list_split(lua_State *L);

/*
 * Lua: strip_prefix(list, first, prefix) takes the strings of a list, from the position `first` to the last one before
 * any that does not begin with `prefix`. Returns a table with the rest of each at its position in the list, and the
 * last position (`first` - 1 if there is none).
 */
int string_list_strip_prefix(lua_State *L);

#endif
