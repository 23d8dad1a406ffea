/*
 * The standard descriptors: makes them safe for a process that runs long and talks to others.
 */
#ifndef COROSYNC_LUA_CPGRUN_STDFDS_H
#define COROSYNC_LUA_CPGRUN_STDFDS_H

#include <lua.h>

/*
 * Opens closed ones on /dev/null. Otherwise the next file opened would get such a number and be written to as standard
 * output; and libuv ends the process when it closes a descriptor with one of these numbers.
 */
void stdfds_open(void);

/*
 * From now on a write to a closed pipe or socket fails and does not end the process. But when standard output's reader
 * has hung up, the process gets a SIGTERM. Programs that it starts have the default SIGPIPE.
 */
void stdfds_catch_hangups(void);

/* Lua: has_hung_up() returns whether standard output's reader has hung up. */
int stdfds_has_hung_up(lua_State *L);

/* At exit: if output cannot be written, as on a full disk, prints an error and exits with 1. Returns 0, or not without memory. */
int stdfds_check_at_exit(void);

#endif
