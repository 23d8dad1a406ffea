/* Digests that members compare: the same on all machines and in all versions of Lua. Not against an attacker. */
#ifndef COROSYNC_LUA_SUPPORT_DIGEST_H
#define COROSYNC_LUA_SUPPORT_DIGEST_H

#include "support/compat.h"

/*
 * Lua: digest(seed, ...) returns a digest of plain values and of an earlier digest, a whole number below 2^53. The seed
 * is such a number, too. Of tables, functions and the like only the type counts. "ab", "c" and "a", "bc" differ.
 */
int digest_values(lua_State *L);

/*
 * Lua: digest_each(seed, list, first, last) adds the values of a list, which may have nils, one by one: returns the
 * same as digest(digest(seed, list[first]), list[first + 1]) and so on.
 */
int digest_each(lua_State *L);

#endif
