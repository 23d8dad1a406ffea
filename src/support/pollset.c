#include "support/pollset.h"

#include <errno.h>
#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "support/cleanup.h"
#include "support/failure.h"
#include "handle/handle.h"
#include "support/userdata.h"
#include "support/pid.h"
#include "handle/wait.h"

#define POLLSET "corosync.pollset"

typedef struct pollset {
	cleanup cleanup;
	int epoll, timer; /* -1 when closed */
	int followed;     /* the descriptor that may change; -1 when there is none */
	pid_t owner;      /* a fork shares what the descriptors stand for, and must not change it */
} pollset;

static pollset *check(lua_State *L)
{
	return luaL_checkudata(L, 1, POLLSET);
}

static void finalize(pollset *g)
{
	cleanup_forget(&g->cleanup);
	userdata_close_fd(&g->timer);
	userdata_close_fd(&g->epoll);
}

static void end(cleanup *e)
{
	finalize(CLEANUP_OF(pollset, e));
}

static int method_close(lua_State *L)
{
	finalize(check(L));
	return 0;
}

static int method_fd(lua_State *L)
{
	lua_pushinteger(L, check(L)->epoll);
	return 1;
}

/* Whether something was readable within so many seconds. */
static int method_wait(lua_State *L)
{
	const pollset *g = check(L);
	double seconds = (double)luaL_checknumber(L, 2);

	/* Also of what is no number: poll would wait for ever. */
	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	/* poll waits for no descriptor as long as it is told. */
	if (g->epoll < 0) {
		lua_pushliteral(L, "wait for several connections");
		return failure_push(L, &FAILURE_CLOSED);
	}
	lua_pushboolean(L, poll_readable(L, g->epoll, false, seconds));
	return 1;
}

/* A time of 0 would mean never. */
static struct timespec timespec_of(double seconds)
{
	struct timespec time = {.tv_sec = (time_t)seconds};

	time.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
	if (time.tv_sec == 0 && time.tv_nsec == 0) {
		time.tv_nsec = 1;
	}
	return time;
}

/* Readable in so many seconds; without a number never. Takes back what was armed before. */
static int method_arm(lua_State *L)
{
	const pollset *g = check(L);
	double seconds = (double)luaL_optnumber(L, 2, -1);
	struct itimerspec time = {0};

	if (seconds >= 0) {
		time.it_value = timespec_of(seconds < 1e9 ? seconds : 1e9);
	}
	if (g->owner == pid_get()) {
		(void)timerfd_settime(g->timer, 0, &time, NULL);
	}
	return 0;
}

static bool add(const pollset *g, int fd)
{
	struct epoll_event readable = {.events = EPOLLIN};

	return epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &readable) == 0;
}

static int no_resources(lua_State *L)
{
	return failure_push_system(L, "wait for several connections", errno);
}

/* Another descriptor takes the place of the last that was given here; without one, none does. */
static int method_follow(lua_State *L)
{
	pollset *g = check(L);
	int fd = (int)luaL_optinteger(L, 2, -1);

	if (g->owner == pid_get()) {
		/* A fork may still hold the old one, so that closing it would not take it out. */
		(void)epoll_ctl(g->epoll, EPOLL_CTL_DEL, g->followed, NULL);
		g->followed = fd;
		if (fd >= 0 && !add(g, fd)) {
			return no_resources(L);
		}
	}
	lua_pushboolean(L, 1);
	return 1;
}

int pollset_open(lua_State *L)
{
	int count = lua_gettop(L), i;
	pollset *g = compat_newuserdata(L, sizeof *g);
	bool complete;

	*g = (pollset){.epoll = -1, .timer = -1, .followed = -1, .owner = pid_get()};
	luaL_setmetatable(L, POLLSET);
	if (!cleanup_register(L, &g->cleanup, end)) {
		lua_pushliteral(L, "wait for several connections");
		return failure_push(L, &FAILURE_STATE_CLOSING);
	}
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	complete = g->epoll >= 0 && g->timer >= 0 && add(g, g->timer);
	for (i = 1; i <= count && complete; i++) {
		complete = add(g, (int)luaL_checkinteger(L, i));
	}
	return complete ? 1 : no_resources(L);
}

static const luaL_Reg methods[] = {
	{"arm", method_arm},
	{"close", method_close},
	{"fd", method_fd},
	{"follow", method_follow},
	{"wait", method_wait},
	{NULL, NULL},
};

static const luaL_Reg metamethods[] = {
	{"__gc", method_close},
	{NULL, NULL},
};

void pollset_setup(lua_State *L)
{
	userdata_setup(L, POLLSET, metamethods, methods);
}
