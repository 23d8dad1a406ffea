/* The C half of lua-corosync, and its version. */
#ifndef COROSYNC_LUA_MODULE_H
#define COROSYNC_LUA_MODULE_H

#include <lua.h>

#include "corosync-lua.h"

#ifndef COROSYNC_LUA_VERSION
#define COROSYNC_LUA_VERSION "0.1.0"
#endif

#endif
