/* The process id, cached: the fork guard checks it on each event and call; getpid() raised a message's cost by half. */
#ifndef COROSYNC_LUA_SUPPORT_PID_H
#define COROSYNC_LUA_SUPPORT_PID_H

#include <sys/types.h>

/* As getpid(2). */
pid_t pid_get(void);

#endif
