/* Sending to a group, and the limit of messages in flight. */
#ifndef COROSYNC_LUA_CPG_SEND_H
#define COROSYNC_LUA_CPG_SEND_H

#include "cpg/group.h"

/* The default window, in messages: libcpg spins in the send after the 278th that a stopped daemon has not read. */
#define CPG_SEND_WINDOW 256

/* For the callback of messages: an own one of that size in the queue has come back, and is queued or dropped. */
void cpg_send_came_back(cpg *c, size_t size, bool queued);

int cpg_send_method_send(lua_State *L);

#endif
