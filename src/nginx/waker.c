#include "nginx/waker.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/failure.h"
#include "support/pid.h"
#include "support/thread.h"
#include "support/userdata.h"

#define WAKER "corosync.waker"
#define WATCH "corosync.waker.watch"

#define EVENTS_AT_ONCE 16
#define STACK_SIZE ((size_t)64 * 1024)
#define LONGEST_PERIOD 86400 /* seconds */

/* A descriptor's tag in epoll. An id is never used twice, so a late event finds no watch. */
#define TAG_STOP UINT64_C(0)
#define TAG_DESCRIPTOR(id) ((id)*2)
#define TAG_LISTENER(id) ((id)*2 + 1)

typedef struct waker waker;

typedef struct watch {
	waker *waker; /* NULL when closed */
	struct watch *next;
	uint64_t id;
	pid_t owner;
	int fd;
	bool added; /* to epoll */
	double period, due; /* seconds: the next ring without an event */
	wake_socket socket;
} watch;

struct waker {
	cleanup cleanup;
	pthread_t thread;
	pthread_mutex_t lock; /* of the list and of the watches' sockets; nothing blocks while it is held */
	int epoll, stop;      /* -1 when closed */
	bool running;
	pid_t owner;
	uint64_t last_id;
	watch *watches;
};

/* ---- the thread ---- */

static watch *find(const waker *w, uint64_t id)
{
	watch *each = w->watches;

	while (each != NULL && each->id != id) {
		each = each->next;
	}
	return each;
}

static void handle_event(waker *w, uint64_t tag)
{
	watch *found = find(w, tag / 2);

	if (found == NULL) {
		return;
	}
	if (tag == TAG_LISTENER(found->id)) {
		wake_socket_accept(&found->socket);
	} else {
		wake_socket_ring(&found->socket);
	}
}

static void ring_due(waker *w, double now)
{
	watch *each;

	for (each = w->watches; each != NULL; each = each->next) {
		if (each->due <= now) {
			wake_socket_ring(&each->socket);
			each->due = now + each->period;
		}
	}
}

/* Until the next ring; -1, without end, if there are no watches. The connection of a new watch is an event that comes
 * before its first ring, so its period is never missed. */
static int milliseconds_left(waker *w)
{
	double left = LONGEST_PERIOD, now = clock_seconds();
	const watch *each;

	(void)pthread_mutex_lock(&w->lock);
	for (each = w->watches; each != NULL; each = each->next) {
		left = each->due - now < left ? each->due - now : left;
	}
	each = w->watches;
	(void)pthread_mutex_unlock(&w->lock);
	return each == NULL ? -1 : left <= 0 ? 0 : (int)(left * 1000) + 1;
}

/* True when the thread must end. */
static bool handle_events(waker *w, const struct epoll_event *events, int count)
{
	bool stop = false;
	int i;

	(void)pthread_mutex_lock(&w->lock);
	for (i = 0; i < count; i++) {
		stop = stop || events[i].data.u64 == TAG_STOP;
		handle_event(w, events[i].data.u64);
	}
	ring_due(w, clock_seconds());
	(void)pthread_mutex_unlock(&w->lock);
	return stop;
}

static void *run(void *argument)
{
	waker *w = argument;
	struct epoll_event events[EVENTS_AT_ONCE];
	int count;

	do {
		count = epoll_wait(w->epoll, events, EVENTS_AT_ONCE, milliseconds_left(w));
	} while ((count < 0 && errno == EINTR) || (count >= 0 && !handle_events(w, events, count)));
	return NULL;
}

/* ---- start and end ---- */

static bool add_to_epoll(const waker *w, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int start(waker *w)
{
	int error;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0) {
		return errno;
	}
	w->stop = thread_bell();
	if (w->stop < 0 || !add_to_epoll(w, w->stop, EPOLLIN, TAG_STOP)) {
		return errno;
	}
	error = thread_start(&w->thread, STACK_SIZE, "corosync-waker", run, w);
	w->running = error == 0;
	return error;
}

static void stop_thread(waker *w)
{
	if (w->running) {
		thread_ring(w->stop);
		(void)pthread_join(w->thread, NULL);
		w->running = false;
	}
}

/* Under the lock, or after the thread has ended. */
static void detach(watch *each)
{
	each->waker = NULL;
	wake_socket_close(&each->socket);
}

static void finalize(waker *w)
{
	watch *each, *next;

	cleanup_forget(&w->cleanup);
	if (w->epoll < 0 || w->owner != pid_get()) {
		return;
	}
	stop_thread(w);
	for (each = w->watches; each != NULL; each = next) {
		next = each->next;
		detach(each);
	}
	w->watches = NULL;
	userdata_close_fd(&w->stop);
	userdata_close_fd(&w->epoll);
	(void)pthread_mutex_destroy(&w->lock);
}

static void end(cleanup *c)
{
	finalize(CLEANUP_OF(waker, c));
}

static void finalize_watch(watch *each)
{
	waker *w = each->waker;
	watch **link;

	if (w == NULL || each->owner != pid_get()) {
		return;
	}
	(void)pthread_mutex_lock(&w->lock);
	for (link = &w->watches; *link != each; link = &(*link)->next) {
	}
	*link = each->next;
	if (each->added) {
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, each->fd, NULL);
	}
	detach(each);
	(void)pthread_mutex_unlock(&w->lock);
}

/* ---- for Lua ---- */

int waker_open(lua_State *L)
{
	waker *w = compat_newuserdata(L, sizeof *w);
	int error;

	memset(w, 0, sizeof *w);
	w->epoll = w->stop = -1;
	w->owner = pid_get();
	luaL_setmetatable(L, WAKER);
	if (!cleanup_register(L, &w->cleanup, end)) {
		return failure_push_text(L, "start the waker's thread", &FAILURE_STATE_CLOSING);
	}
	(void)pthread_mutex_init(&w->lock, NULL);
	error = start(w);
	if (error != 0) {
		finalize(w);
		return failure_push_system(L, "start the waker's thread", error);
	}
	return 1;
}

static int method_close(lua_State *L)
{
	finalize(luaL_checkudata(L, 1, WAKER));
	return 0;
}

/* The watch counts as closed until it is complete, and keeps its waker as its user value. */
static watch *new_watch(lua_State *L, waker *w, int fd)
{
	watch *each = compat_newuserdata(L, sizeof *each);

	memset(each, 0, sizeof *each);
	wake_socket_init(&each->socket);
	each->owner = w->owner;
	each->fd = fd;
	luaL_setmetatable(L, WATCH);
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, 1);
	compat_setuservalue(L, -2);
	return each;
}

static int method_watch(lua_State *L)
{
	waker *w = luaL_checkudata(L, 1, WAKER);
	int fd = (int)luaL_checkinteger(L, 2);
	const char *directory = luaL_checkstring(L, 3);
	double period = luaL_checknumber(L, 4);
	watch *each;
	int error;

	luaL_argcheck(L, period > 0 && period <= LONGEST_PERIOD, 4, "up to 86400 seconds expected");

	if (w->epoll < 0 || w->owner != pid_get()) {
		return failure_push_text(L, "watch a connection", w->epoll < 0 ? &FAILURE_CLOSED : &FAILURE_WRONG_PROCESS);
	}
	each = new_watch(L, w, fd);
	if (!wake_socket_open(&each->socket, directory)) {
		error = errno;
		lua_pushfstring(L, "make a socket in %s", directory);
		return failure_push_system(L, lua_tostring(L, -1), error);
	}
	(void)pthread_mutex_lock(&w->lock);
	each->id = ++w->last_id;
	each->period = period;
	each->due = clock_seconds() + period;
	each->waker = w;
	each->next = w->watches;
	w->watches = each;
	error = add_to_epoll(w, each->socket.listener, EPOLLIN, TAG_LISTENER(each->id)) ? 0 : errno;
	(void)pthread_mutex_unlock(&w->lock);
	if (error != 0) {
		finalize_watch(each);
		return failure_push_system(L, "watch a connection", error);
	}
	return 1;
}

static watch *check_watch(lua_State *L)
{
	return luaL_checkudata(L, 1, WATCH);
}

static const failure *unusable(const watch *each)
{
	return each->owner != pid_get() ? &FAILURE_WRONG_PROCESS : each->waker == NULL ? &FAILURE_CLOSED : NULL;
}

static int watch_path(lua_State *L)
{
	watch *each = check_watch(L);
	const failure *why = unusable(each);
	char path[sizeof each->socket.address.sun_path] = "";

	if (why == NULL) {
		(void)pthread_mutex_lock(&each->waker->lock);
		memcpy(path, each->socket.address.sun_path, sizeof path);
		(void)pthread_mutex_unlock(&each->waker->lock);
		why = path[0] == '\0' ? &FAILURE_CLOSED : NULL;
	}
	if (why != NULL) {
		return failure_push_text(L, "get a socket's path", why);
	}
	lua_pushstring(L, path);
	return 1;
}

/* Added to epoll only here, because epoll reports a hang-up even without events to wait for. */
static int watch_arm(lua_State *L)
{
	watch *each = check_watch(L);
	const failure *why = unusable(each);
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = TAG_DESCRIPTOR(each->id)};

	if (why != NULL) {
		return failure_push_text(L, "wait for a connection", why);
	}
	if (epoll_ctl(each->waker->epoll, each->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, each->fd, &event) != 0) {
		return failure_push_system(L, "wait for a connection", errno);
	}
	each->added = true;
	return success_push(L);
}

static int watch_ring(lua_State *L)
{
	watch *each = check_watch(L);

	if (unusable(each) == NULL) {
		(void)pthread_mutex_lock(&each->waker->lock);
		wake_socket_ring(&each->socket);
		(void)pthread_mutex_unlock(&each->waker->lock);
	}
	return 0;
}

static int watch_close(lua_State *L)
{
	finalize_watch(check_watch(L));
	return 0;
}

static const luaL_Reg waker_methods[] = {
	{"__gc", method_close},
	{"close", method_close},
	{"watch", method_watch},
	{NULL, NULL},
};

static const luaL_Reg watch_methods[] = {
	{"__gc", watch_close},
	{"arm", watch_arm},
	{"close", watch_close},
	{"path", watch_path},
	{"ring", watch_ring},
	{NULL, NULL},
};

void waker_setup(lua_State *L)
{
	userdata_setup(L, WAKER, waker_methods);
	userdata_setup(L, WATCH, watch_methods);
}
