/* Checks of arguments beyond those of lauxlib. */
#ifndef COROSYNC_LUA_SUPPORT_ARGUMENT_H
#define COROSYNC_LUA_SUPPORT_ARGUMENT_H

#include "support/compat.h"

/* The argument at that index; raises with its name unless it is a whole number from 0 to 2^32-1. [-0, +0, v] */
uint32_t argument_check_uint32(lua_State *L, int index, const char *name);

/*
 * Returns the position in `names` of the string at that index, or of the fallback if the argument is missing; raises,
 * with the names, if it is none of them. Without a fallback (NULL) a missing argument raises. [-0, +0, v]
 */
int argument_check_option(lua_State *L, int index, const char *fallback, const char *const names[]);

#endif
