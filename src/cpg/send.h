/* Sending to a group, and how much of it may be on its way. */
#ifndef COROSYNC_LUA_CPG_SEND_H
#define COROSYNC_LUA_CPG_SEND_H

#include "cpg/cpg_handle.h"

/* What a window is when none is given, in messages: libcpg spins in the send after the 278th that a stopped daemon has not read. */
#define CPG_SEND_WINDOW 256

/* For the callback of messages: an own one that takes so many bytes there enters the queue, or is dropped. */
void cpg_send_came_back(cpg *c, size_t size, bool queued);

int cpg_send_method_send(lua_State *L);

#endif
