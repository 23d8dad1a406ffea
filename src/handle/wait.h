/* Waiting for events: the handle's own wait, and the methods that event loops call. */
#ifndef COROSYNC_LUA_HANDLE_WAIT_H
#define COROSYNC_LUA_HANDLE_WAIT_H

#include "support/compat.h"

/* Methods of all handles. */
extern const luaL_Reg wait_methods[];

#endif
