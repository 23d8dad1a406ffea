/*
 * A limit on a call that waits for Corosync's daemon. libqb waits as long as the connection is there, which a paused
 * daemon never ends; it looks every 2 s. So a thread shuts the connection down when the time is over.
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
 * Infinite seconds are no limit. There is none either without a free descriptor or thread, and with
 * "qb_ipc_type: socket": libqb waits for another socket than the known one.
 */
void time_limit_begin(time_limit *t, const handle *h, double seconds);

/* Returns whether the time was over, so that the connection is lost. */
bool time_limit_end(time_limit *t);

#endif
