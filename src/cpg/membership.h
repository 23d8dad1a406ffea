/* Joining and leaving, and who is in which group. */
#ifndef COROSYNC_LUA_CPG_MEMBERSHIP_H
#define COROSYNC_LUA_CPG_MEMBERSHIP_H

#include "cpg/cpg_handle.h"

/* For a reader at its limit: leaves, if the handle has joined. */
cs_error_t cpg_membership_give_up(handle *h);

int cpg_membership_method_groups(lua_State *L);
int cpg_membership_method_join(lua_State *L);
int cpg_membership_method_leave(lua_State *L);
int cpg_membership_method_members(lua_State *L);

#endif
