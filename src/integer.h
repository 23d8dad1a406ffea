/* Whole numbers that scripts give: what is none, or is out of range, raises; nothing is rounded, nothing wraps. */
#ifndef COROSYNC_LUA_INTEGER_H
#define COROSYNC_LUA_INTEGER_H

#include "compat.h"

/* The number at that index. Raises, with the argument's name, unless it is whole and from 0 to 4294967295. [-0, +0, v] */
uint32_t integer_check_uint32(lua_State *L, int index, const char *name);

#endif
