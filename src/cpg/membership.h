/* Joining and leaving groups, and listing their members. */
#ifndef COROSYNC_LUA_CPG_MEMBERSHIP_H
#define COROSYNC_LUA_CPG_MEMBERSHIP_H

#include "cpg/group.h"

/* For a reader at its limit: leaves the group, if the handle has joined one. */
cs_error_t cpg_membership_give_up(handle *h);

int cpg_membership_method_groups(lua_State *L);
int cpg_membership_method_join(lua_State *L);
int cpg_membership_method_leave(lua_State *L);
int cpg_membership_method_members(lua_State *L);

#endif
