/* Waiting for descriptors. */
#ifndef COROSYNC_LUA_SUPPORT_POLL_H
#define COROSYNC_LUA_SUPPORT_POLL_H

#include "support/compat.h"

/* ---- one descriptor: poll.c ---- */

/*
 * Returns true once a descriptor is readable, false after so many seconds. A signal does not end the wait: with a Lua
 * state it lets the state's hooks run, without one (NULL, for threads that have none) it has no effect. [-0, +0, e]
 */
bool poll_readable(lua_State *L, int fd, bool forever, double seconds);

/* Adds a descriptor to an epoll descriptor, which is then readable when that one is. False with errno on failure. */
bool poll_add(int epoll, int fd);

/* ---- one over several, readable when one of them is, or at a set time: pollset.c ---- */

/* Makes the metatable. [-0, +0, m] */
void pollset_setup(lua_State *L);

/*
 * Lua: pollset(descriptors...) returns a userdata with fd(), wait(seconds), arm(seconds), follow(descriptor) and
 * close(); or nil, message, "no_resources". It does not own the descriptors: before one is closed, close the pollset or
 * call follow(). Closed, it fails with "closed", except that arm() does nothing.
 */
int pollset_open(lua_State *L);

#endif
