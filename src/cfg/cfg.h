/* Administration of Corosync: the userdata over libcfg. */
#ifndef COROSYNC_LUA_CFG_H
#define COROSYNC_LUA_CFG_H

#include "support/compat.h"

/* Pushes the module's table. [-0, +1, m] */
int cfg_push_module(lua_State *L);

#endif
