/*
 * A thread that waits for descriptors on behalf of a program that cannot, such as nginx's Lua: it rings a wake_socket
 * when one is readable. It touches neither Lua nor Corosync, and handles no signals.
 */
#ifndef COROSYNC_LUA_NGINX_WAKER_H
#define COROSYNC_LUA_NGINX_WAKER_H

#include "support/compat.h"

/* Makes the metatables. [-0, +0, m] */
void waker_setup(lua_State *L);

/*
 * Lua: waker() starts the thread and returns a userdata, or nil, message, "no_resources".
 *
 *   waker:watch(fd, directory, period)
 *                               returns a watch of a descriptor, not yet armed, with its socket in a new directory
 *                               within that one; its connection also becomes readable every `period` seconds. Or nil,
 *                               message, code: "no_resources", "closed", "wrong_process"
 *   waker:close()               ends the thread, and with it all watches
 *   watch:path()                returns the path to connect to, once, within this process
 *   watch:arm()                 makes the connection readable by one byte as soon as the descriptor is, once: then it
 *                               must be armed again. Returns true, or nil, message, code: "closed", "no_resources",
 *                               "wrong_process"
 *   watch:ring()                makes the connection readable now
 *   watch:close()               must be called before the descriptor's owner closes it
 *
 * In a forked child all of this does nothing, and the methods that return something fail with "wrong_process".
 */
int waker_open(lua_State *L);

#endif
