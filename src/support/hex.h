/* Bytes as text. */
#ifndef COROSYNC_LUA_SUPPORT_HEX_H
#define COROSYNC_LUA_SUPPORT_HEX_H

#include "support/compat.h"

/* Lua: hex(bytes) returns a string with two lower-case hexadecimal digits for each byte. */
int hex_encode(lua_State *L);

#endif
