/*
 * SIGINT, SIGTERM and SIGHUP while Lua runs: luv's handlers wait until the loop turns, which a script may never let
 * happen. So the first signal is luv's, unless the script is still being loaded, and a second SIGINT or SIGTERM ends the
 * process.
 */
#ifndef COROSYNC_LUA_CPGRUN_INTERRUPT_H
#define COROSYNC_LUA_CPGRUN_INTERRUPT_H

#include <stdbool.h>

#include <lua.h>

/* Lua: guard() goes before the handlers that luv has installed, and takes the script for not loaded. */
int interrupt_guard(lua_State *L);

/* Lua: loaded() lets luv have the first signal. */
int interrupt_loaded(lua_State *L);

/* Whether such a signal has come. Can be called in a signal handler. */
bool interrupt_is_stopping(void);

#endif
