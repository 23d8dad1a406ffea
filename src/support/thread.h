/* Threads that run no Lua. */
#ifndef COROSYNC_LUA_SUPPORT_THREAD_H
#define COROSYNC_LUA_SUPPORT_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * Starts a thread with so many bytes of stack. All signals are blocked in it: they are for the program's own threads.
 * Its name has at most 15 bytes. Returns 0 or an errno.
 */
int thread_start(pthread_t *thread, size_t stack, const char *name, void *(*run)(void *), void *argument);

/* Returns an eventfd, or -1 with errno set. */
int thread_eventfd(void);

/* Makes it readable; makes it not readable. */
void thread_eventfd_set(int fd);
void thread_eventfd_clear(int fd);

#endif
