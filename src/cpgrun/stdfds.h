/*
 * The standard descriptors, as a process may rely on them that lives long and talks to others.
 */
#ifndef COROSYNC_LUA_CPGRUN_STDFDS_H
#define COROSYNC_LUA_CPGRUN_STDFDS_H

#include <lua.h>

/*
 * Opens those that are closed, on /dev/null: else what is opened next would get their numbers, be written to as if it
 * were one, and be taken for one by libuv, which ends the process when it is to close it.
 */
void stdfds_open(void);

/*
 * From now on, a write to somebody who has hung up fails and does not end the process: but when nobody reads the
 * standard output any more it is asked to end, by SIGTERM. Programs that it starts have the signal as it was.
 */
void stdfds_catch_hangups(void);

/* Lua: has_hung_up() returns whether nobody reads the standard output any more. */
int stdfds_has_hung_up(lua_State *L);

/* When the process exits whose output cannot be written, on a full disk, it says so, and with 1. Answers 0, or no memory. */
int stdfds_check_at_exit(void);

#endif
