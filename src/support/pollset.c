#include "support/poll.h"

#include <errno.h>
#include <math.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "support/cleanup.h"
#include "support/descriptor.h"
#include "support/pid.h"
#include "support/userdata.h"

#define POLLSET "corosync.pollset"

typedef struct pollset {
	cleanup cleanup;
	int epoll, timer; /* -1 when closed */
	int followed;     /* the descriptor that follow() changes; -1 when there is none */
	bool is_armed;    /* setting the timer costs a system call */
	pid_t owner;      /* a fork shares the epoll and the timer, and must not change them */
} pollset;

static pollset *check(lua_State *L)
{
	return luaL_checkudata(L, 1, POLLSET);
}

static void finalize(pollset *p)
{
	cleanup_forget(&p->cleanup);
	descriptor_close(&p->timer);
	descriptor_close(&p->epoll);
}

static void end(cleanup *c)
{
	finalize(CLEANUP_OF(pollset, c));
}

static int method_close(lua_State *L)
{
	finalize(check(L));
	return 0;
}

static int fail_closed(lua_State *L)
{
	return failure_push_text(L, "wait for several connections", &FAILURE_CLOSED);
}

static int method_fd(lua_State *L)
{
	const pollset *p = check(L);

	if (p->epoll < 0) {
		return fail_closed(L);
	}
	lua_pushinteger(L, p->epoll);
	return 1;
}

/* Returns whether a descriptor was readable within so many seconds. */
static int method_wait(lua_State *L)
{
	const pollset *p = check(L);
	double seconds = (double)luaL_checknumber(L, 2);

	/* NaN fails too: poll would wait for ever. */
	luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
	/* Without a descriptor poll would wait for the whole time. */
	if (p->epoll < 0) {
		return fail_closed(L);
	}
	lua_pushboolean(L, poll_readable(L, p->epoll, false, seconds));
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

/* Arms the timer: readable in so many seconds, without a number never. Replaces the time armed before. */
static int method_arm(lua_State *L)
{
	pollset *p = check(L);
	double seconds = (double)luaL_optnumber(L, 2, -1);
	struct itimerspec time = {0};

	if (seconds >= 0) {
		time.it_value = timespec_of(seconds < 1e9 ? seconds : 1e9);
	}
	if (p->owner == pid_get() && (seconds >= 0 || p->is_armed)) {
		p->is_armed = seconds >= 0;
		(void)timerfd_settime(p->timer, 0, &time, NULL);
	}
	return 0;
}

/* Replaces the descriptor given to the last follow(); without an argument only removes it. */
static int method_follow(lua_State *L)
{
	pollset *p = check(L);
	int fd = (int)luaL_optinteger(L, 2, -1);

	if (p->epoll < 0) {
		return fail_closed(L);
	}
	if (p->owner == pid_get()) {
		/* Closing the old one does not remove it while a fork holds it. */
		(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, p->followed, NULL);
		p->followed = fd;
		if (fd >= 0 && !poll_add(p->epoll, fd)) {
			return failure_push_system(L, "wait for several connections", errno);
		}
	}
	return success_push(L);
}

int pollset_open(lua_State *L)
{
	int count = lua_gettop(L), i;
	pollset *p = compat_newuserdata(L, sizeof *p);
	bool complete;
	int error;

	*p = (pollset){.epoll = -1, .timer = -1, .followed = -1, .owner = pid_get()};
	luaL_setmetatable(L, POLLSET);
	if (!cleanup_register(L, &p->cleanup, end)) {
		return failure_push_text(L, "wait for several connections", &FAILURE_STATE_CLOSING);
	}
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	complete = p->epoll >= 0 && p->timer >= 0 && poll_add(p->epoll, p->timer);
	for (i = 1; i <= count && complete; i++) {
		complete = poll_add(p->epoll, (int)luaL_checkinteger(L, i));
	}
	if (!complete) {
		error = errno;
		/* Not left to the collector: descriptors may be what is missing. */
		finalize(p);
		return failure_push_system(L, "wait for several connections", error);
	}
	return 1;
}

static const luaL_Reg methods[] = {
	{"__gc", method_close},
	{"arm", method_arm},
	{"close", method_close},
	{"fd", method_fd},
	{"follow", method_follow},
	{"wait", method_wait},
	{NULL, NULL},
};

void pollset_setup(lua_State *L)
{
	userdata_setup(L, POLLSET, methods);
}
