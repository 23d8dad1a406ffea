/* Which process this is: asked at each event and each call, and a system call is dear. */
#ifndef COROSYNC_LUA_SUPPORT_PID_H
#define COROSYNC_LUA_SUPPORT_PID_H

#include <sys/types.h>

/* As getpid(2). */
pid_t pid_get(void);

#endif
