/* Whether the running thread's stack is large enough for Corosync's client libraries. */
#ifndef COROSYNC_LUA_SUPPORT_STACK_H
#define COROSYNC_LUA_SUPPORT_STACK_H

#include <stdbool.h>

/*
 * Check it before a call that dispatches, or that gets a node's addresses or status from libcfg: these put a
 * buffer of 1 MiB on the stack. Costs nanoseconds, except for a thread's first call. True on a stack other than the
 * thread's own, such as a fiber's, whose size is unknown.
 */
bool stack_suffices(void);

#endif
