#include "support/poll.h"

#include <math.h>
#include <poll.h>
#include <sys/epoll.h>

#include "support/clock.h"

/* poll(2) counts whole milliseconds in an int: rounded up, so that a wait is never shorter than requested. */
static int milliseconds(double seconds)
{
	double rounded = ceil(seconds * 1000);

	return rounded <= 0 ? 0 : rounded >= 1e9 ? 1000000000 : (int)rounded;
}

static int nothing(lua_State *L)
{
	(void)L;
	return 0;
}

/* A signal handler may have set a hook that raises, as lua's does for Ctrl-C: it runs at the next call. [-0, +0, e] */
static void run_hooks(lua_State *L)
{
	if (L != NULL) {
		lua_pushcfunction(L, nothing);
		lua_call(L, 0, 0);
	}
}

/* A signal only restarts the wait for the remaining time. */
bool poll_readable(lua_State *L, int fd, bool forever, double seconds)
{
	struct pollfd descriptor = {.fd = fd, .events = POLLIN};
	double deadline = forever || seconds == 0 ? 0 : clock_seconds() + seconds;
	int ready = poll(&descriptor, 1, forever ? -1 : milliseconds(seconds));

	while ((ready < 0 && errno == EINTR) || (ready == 0 && clock_seconds() < deadline)) {
		if (ready < 0) {
			run_hooks(L);
		}
		ready = poll(&descriptor, 1, forever ? -1 : milliseconds(deadline - clock_seconds()));
	}
	return ready > 0;
}

bool poll_add(int epoll, int fd)
{
	struct epoll_event readable = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &readable) == 0;
}
