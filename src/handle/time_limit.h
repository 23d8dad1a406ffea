/*
 * A limit on a call that waits for Corosync's daemon. libqb waits as long as the connection exists, which it checks
 * every 2 s, and a paused daemon never closes it. So a thread shuts the connection down when the time is over.
 */
#ifndef COROSYNC_LUA_HANDLE_TIME_LIMIT_H
#define COROSYNC_LUA_HANDLE_TIME_LIMIT_H

#include <pthread.h>
#include <stdbool.h>

#include "handle/handle.h"

typedef struct time_limit {
	pthread_t thread;
	int fd, stop;
	double seconds;
	bool running, expired;
} time_limit;

/*
 * There is no limit if the seconds are infinite, if no descriptor or thread is free, or with "qb_ipc_type: socket",
 * where libqb waits for a socket that its API does not show: the one that it shows only carries events.
 */
void time_limit_begin(time_limit *t, const handle *h, double seconds);

/* Returns whether the time was over, so that the connection is lost. */
bool time_limit_end(time_limit *t);

#endif
