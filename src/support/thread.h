/* Threads of ours: none of them runs Lua. */
#ifndef COROSYNC_LUA_SUPPORT_THREAD_H
#define COROSYNC_LUA_SUPPORT_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * Starts a thread with so many bytes of stack, in which all signals are blocked: they are for the program's own. Its name
 * has at most 15 bytes. Answers 0 or the number of a system's error.
 */
int thread_start(pthread_t *thread, size_t stack, const char *name, void *(*run)(void *), void *argument);

/* An eventfd of the process's own; -1 with errno set if there can be none. */
int thread_bell(void);

/* Makes it readable; and not readable. */
void thread_ring(int bell);
void thread_silence(int bell);

#endif
