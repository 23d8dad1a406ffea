/* Integer arguments: exact or refused, on every Lua. */
#ifndef COROSYNC_LUA_SUPPORT_INTEGER_H
#define COROSYNC_LUA_SUPPORT_INTEGER_H

#include "support/compat.h"

/* The argument at that index; raises with its name unless it is a whole number from 0 to 2^32-1. [-0, +0, v] */
uint32_t integer_check_uint32(lua_State *L, int index, const char *name);

#endif
