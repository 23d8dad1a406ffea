/*
 * Bells, by which processes on this machine wake each other: a datagram socket with an abstract name, which the kernel
 * frees when its process ends, however it ends. So a name is also a lock, and ringing a bell shows whether its owner is
 * alive. A bell carries no data. Other users' programs can ring it, too: whoever is rung looks for work, and may find
 * none.
 */
#ifndef COROSYNC_LUA_NGINX_BELL_H
#define COROSYNC_LUA_NGINX_BELL_H

#include "support/compat.h"

/* Makes the metatable. [-0, +0, m] */
void bell_setup(lua_State *L);

/*
 * Lua: bell([name]) makes one of that name, 1 to 100 bytes, or of a random name; or returns nil, message, code: "exist"
 * (another process has that name), "no_resources".
 *
 *   bell:name()       returns its name
 *   bell:fd()         returns the descriptor, readable once the bell was rung
 *   bell:silence()    makes it not readable
 *   bell:ring(name)   rings the bell of that name; returns whether there is one
 *   bell:close()      frees the name; then fd and ring return nil, message, "closed"
 */
int bell_open(lua_State *L);

#endif
