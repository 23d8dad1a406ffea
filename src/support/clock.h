/* The time for deadlines. */
#ifndef COROSYNC_LUA_SUPPORT_CLOCK_H
#define COROSYNC_LUA_SUPPORT_CLOCK_H

#include <time.h>

/* Seconds on a clock that never jumps. */
static inline double clock_seconds(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Seconds since 1970 on the clock that is set. */
static inline double clock_wall_seconds(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_REALTIME, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* As clock_seconds, to a few milliseconds, for a fraction of the cost: for looks at each event. */
static inline double clock_coarse_seconds(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#endif
