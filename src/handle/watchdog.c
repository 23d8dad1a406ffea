#include "handle/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <corosync/cmap.h>

#include "support/cleanup.h"
#include "support/clock.h"
#include "support/descriptor.h"
#include "support/failure.h"
#include "support/argument.h"
#include "support/log_line.h"
#include "support/pid.h"
#include "support/poll.h"
#include "support/thread.h"
#include "support/userdata.h"

#define WATCHDOG "corosync.watchdog"
#define PRESENT WATCHDOG ".present" /* the field of the registry with the Lua state's own */
#define STACK_SIZE ((size_t)64 * 1024)
#define LONGEST_SUBJECT ((size_t)CMAP_KEYNAME_MAXLEN) /* a key; a group's name is shorter */

static const failure failure_present = {"exist", "this Lua state already has one"};

/* The call seen at the last check. */
typedef struct sight {
	uint64_t number; /* of the call */
	double since;    /* about when it began */
	double told;     /* its age in seconds at the last warning; 0 before the first */
	char text[64 + 4 * LONGEST_SUBJECT];
} sight;

struct watchdog {
	cleanup cleanup;
	pthread_t thread;
	bool running;
	int stop; /* -1 when closed */
	pid_t owner;
	double seconds;
	log_format format;
	atomic_bool closed;
	pthread_mutex_t lock; /* of the fields below */
	uint64_t number;      /* of the call, counted from 1 */
	const handle_class *class;
	const char *verb; /* NULL when no call is in progress */
	size_t length;
	char subject[LONGEST_SUBJECT];
};

/* ---- the thread ---- */

/* Appends `text` and the name, escaped, in quotes. */
static size_t append_name(char *to, size_t size, const char *text, const char *noun, const char *name, size_t length)
{
	size_t used = (size_t)snprintf(to, size, "%s %s '", text, noun), i;

	for (i = 0; i < length; i++) {
		char shown[FAILURE_SHOWN];
		failure_show_byte(shown, name[i]);
		used += (size_t)snprintf(to + used, size - used, "%s", shown);
	}
	return used + (size_t)snprintf(to + used, size - used, "'");
}

static void describe(const watchdog *w, char *to, size_t size)
{
	size_t used = (size_t)snprintf(to, size, "%s: %s", w->class->service, w->verb);

	if (w->length > 0) {
		(void)append_name(to + used, size - used, " of", w->class->noun, w->subject, w->length);
	}
}

static void say_of_call(const watchdog *w, const char *call, const char *state, double seconds, const char *hint)
{
	char text[sizeof(sight) + 128];

	(void)snprintf(text, sizeof text, "%s %s %.0f s%s", call, state, seconds, hint);
	log_line_warn(w->format, text);
}

/* A call that was in progress at the last check and still is has blocked meanwhile. */
static void check_call(watchdog *w, sight *last)
{
	double now = clock_seconds();
	sight next = {.since = now};
	bool is_blocked, is_another;

	(void)pthread_mutex_lock(&w->lock);
	is_blocked = w->verb != NULL && w->number == last->number;
	is_another = w->verb != NULL && !is_blocked;
	if (is_another) {
		next.number = w->number;
		describe(w, next.text, sizeof next.text);
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (!is_blocked && last->told > 0) {
		last->told = 0;
		say_of_call(w, last->text, "returned after", now - last->since, "");
	}
	if (is_another) {
		*last = next;
	}
	/* Again each time after twice as long. */
	if (is_blocked && now - last->since >= 2 * last->told) {
		last->told = now - last->since;
		say_of_call(w, last->text, "has not returned for", last->told,
			": is corosync paused, or its ring re-forming? see its log");
	}
}

static void *run(void *argument)
{
	watchdog *w = argument;
	sight last = {0};

	while (!poll_readable(NULL, w->stop, false, w->seconds)) {
		check_call(w, &last);
	}
	return NULL;
}

/* ---- for the thread that runs Lua ---- */

void watchdog_enter(watchdog *w, const handle_class *class, const char *verb, const char *subject, size_t length)
{
	if (w == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&w->lock);
	w->number++;
	w->class = class;
	w->verb = verb;
	w->length = length < sizeof w->subject ? length : sizeof w->subject;
	if (length > 0) {
		memcpy(w->subject, subject, w->length);
	}
	(void)pthread_mutex_unlock(&w->lock);
}

void watchdog_leave(watchdog *w)
{
	if (w == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&w->lock);
	w->verb = NULL;
	(void)pthread_mutex_unlock(&w->lock);
}

/* ---- for the threads of readers ---- */

bool watchdog_warn_of_lag(const watchdog *w, const handle *h, const watchdog_lag *lag)
{
	char text[sizeof(sight) + 128];
	size_t length = 0, used;
	const char *name;
	bool is_small;

	if (w == NULL || atomic_load(&w->closed) || (lag->seconds < w->seconds && !lag->is_full)) {
		return false;
	}
	name = h->class->subject(h, &length);
	/* Corosync sends ring changes also to a handle in no group. */
	if (length == 0) {
		return false;
	}
	is_small = lag->bytes < 1000 * 1000;
	used = append_name(text, sizeof text, "handlers of", h->class->noun, name, length);
	(void)snprintf(text + used, sizeof text - used, " lag: %zu event%s (%.1f %s) wait, the oldest for %.1f s%s",
		lag->events, lag->events == 1 ? "" : "s", (double)lag->bytes / (is_small ? 1e3 : 1e6), is_small ? "kB" : "MB",
		lag->seconds, lag->is_full ? ", which is the reader's limit" : "");
	log_line_warn(w->format, text);
	return true;
}

/* ---- start and end ---- */

static int start(watchdog *w)
{
	int error;

	w->stop = thread_eventfd();
	if (w->stop < 0) {
		return errno;
	}
	error = thread_start(&w->thread, STACK_SIZE, "corosync-watch", run, w);
	w->running = error == 0;
	return error;
}

/* Handles that are finalized later still use the lock, so it stays. */
static void finalize(watchdog *w)
{
	cleanup_forget(&w->cleanup);
	atomic_store(&w->closed, true);
	if (w->running && w->owner == pid_get()) {
		thread_eventfd_set(w->stop);
		(void)pthread_join(w->thread, NULL);
		w->running = false;
	}
	descriptor_close(&w->stop);
}

static void end(cleanup *c)
{
	finalize(CLEANUP_OF(watchdog, c));
}

static int method_close(lua_State *L)
{
	finalize(luaL_checkudata(L, 1, WATCHDOG));
	return 0;
}

watchdog *watchdog_of(lua_State *L)
{
	watchdog *w;

	lua_getfield(L, LUA_REGISTRYINDEX, PRESENT);
	w = lua_touserdata(L, -1);
	lua_pop(L, 1);
	/* A fork inherits the lock, but not the thread that may hold it. */
	return w != NULL && w->owner == pid_get() ? w : NULL;
}

int watchdog_open(lua_State *L)
{
	static const char *const formats[] = LOG_FORMATS;
	double seconds = (double)luaL_checknumber(L, 1);
	log_format format = (log_format)argument_check_option(L, 2, "text", formats);
	watchdog *w;
	int error;

	luaL_argcheck(L, seconds > 0, 1, "seconds must be more than 0");
	if (watchdog_of(L) != NULL) {
		return failure_push_text(L, "start a watchdog", &failure_present);
	}
	w = compat_newuserdata(L, sizeof *w);
	memset(w, 0, sizeof *w);
	w->stop = -1;
	w->seconds = seconds;
	w->format = format;
	w->owner = pid_get();
	(void)pthread_mutex_init(&w->lock, NULL);
	luaL_setmetatable(L, WATCHDOG);
	if (!cleanup_register(L, &w->cleanup, end)) {
		return failure_push_text(L, "start a watchdog", &FAILURE_STATE_CLOSING);
	}
	error = start(w);
	if (error != 0) {
		finalize(w);
		return failure_push_system(L, "start a watchdog", error);
	}
	/* It outlives every handle that it watches. */
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, PRESENT);
	return 1;
}

static const luaL_Reg methods[] = {
	{"__gc", method_close},
	{"close", method_close},
	{NULL, NULL},
};

void watchdog_setup(lua_State *L)
{
	userdata_setup(L, WATCHDOG, methods);
}
