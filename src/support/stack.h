/* Whether the running thread's stack is large enough for Corosync's client libraries. */
#ifndef COROSYNC_LUA_SUPPORT_STACK_H
#define COROSYNC_LUA_SUPPORT_STACK_H

#include <stdbool.h>

/*
 * To be asked before a call that dispatches, or that asks libcfg for addresses: those have a buffer of 1 MiB on the
 * stack. Costs nanoseconds, but for a thread's first call. True on a stack that is not the thread's own, a fiber's:
 * nothing is known of it.
 */
bool stack_suffices(void);

#endif
