/* Threads that run no Lua. */
#ifndef COROSYNC_LUA_SUPPORT_THREAD_H
#define COROSYNC_LUA_SUPPORT_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Starts a thread with so many bytes of stack. All signals are blocked in it: they are for the program's own threads.
 * Its name has at most 15 bytes. Returns 0 or an errno.
 */
int thread_start(pthread_t *thread, size_t stack, const char *name, void *(*run)(void *), void *argument);

/* Returns an eventfd, or -1 with errno set. */
int thread_bell(void);

/* Makes it readable; makes it not readable. */
void thread_ring(int bell);
void thread_silence(int bell);

/* ---- whether the running thread's stack is large enough for Corosync's client libraries: stack.c ---- */

/*
 * To be checked before a call that dispatches, or that gets a node's addresses or status from libcfg: these put a
 * buffer of 1 MiB on the stack. Costs nanoseconds, except for a thread's first call. True on a stack other than the
 * thread's own, as a fiber's, whose size is unknown.
 */
bool stack_suffices(void);

#endif
