/*
 * A thread that waits for descriptors in place of a program that cannot, such as nginx's Lua: it rings a wake_socket when
 * one is readable. It touches neither Lua nor Corosync, and no signal is handled in it.
 */
#ifndef COROSYNC_LUA_NGINX_WAKER_H
#define COROSYNC_LUA_NGINX_WAKER_H

#include "support/compat.h"

/* Makes the metatables. [-0, +0, m] */
void waker_setup(lua_State *L);

/*
 * Lua: waker() starts the thread and answers an object, or nil, message, "no_resources".
 *
 *   waker:watch(fd, directory)  a watch of a descriptor, not yet armed, with its socket in a new directory within that
 *                               one; or nil, message, code: "no_resources", "closed", "wrong_process"
 *   waker:close()               ends the thread, and with it all watches
 *   watch:path()                where to connect, within this process and once
 *   watch:arm()                 makes the connection readable as soon as the descriptor is, now or later, by one byte.
 *                               That was it until it is armed again. Answers true, or nil, message, code: "closed",
 *                               "no_resources", "wrong_process"
 *   watch:ring()                makes the connection readable now
 *   watch:close()               to be called before the descriptor is closed by its owner
 *
 * In a forked child all of this does nothing, and the methods that answer something answer "wrong_process".
 */
int waker_open(lua_State *L);

#endif
