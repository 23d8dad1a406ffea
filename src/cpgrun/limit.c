#include "cpgrun/cpgrun.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "support/clock.h"
#include "support/compat.h"

/*
 * Instructions between two checks of the clock: few at first and after a wait, because a function that mostly waits
 * runs few; then more, because a check costs as much as a hundred.
 */
#define FEWEST 16
#define MOST 256
#define WAIT 0.001 /* seconds: MOST instructions take less */

typedef struct limit {
	double seconds;
	double deadline;             /* 0 when no function of the script runs */
	double checked;              /* the time of the last check */
	lua_State *runner;           /* the state or coroutine that called the function, while one runs */
	bool is_over;                /* the error has been raised for the running function */
	char place[LUA_IDSIZE + 32]; /* where it was raised first: later places are in the script's error handling */
	char libraries[];            /* the prefix of the sources' names of our own Lua */
} limit;

/* Its address is the key in the registry. */
static const char key;

static limit *find(lua_State *L)
{
	limit *l;

	lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
	lua_rawget(L, LUA_REGISTRYINDEX);
	l = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return l;
}

bool limit_is_own(const char *source, const char *libraries)
{
	size_t length = strlen(libraries);
	const char *name = source + length;

	return strncmp(source, libraries, length) == 0 &&
		(strncmp(name, "corosync/", strlen("corosync/")) == 0 || strncmp(name, "cpgrun/", strlen("cpgrun/")) == 0);
}

/* Whether a function of our own Lua was interrupted. It returns soon and must end: the script relies on it. */
static bool is_library(lua_State *L, lua_Debug *activation, const limit *l)
{
	return lua_getinfo(L, "S", activation) != 0 && limit_is_own(activation->source, l->libraries);
}

static void check_clock(lua_State *L, lua_Debug *activation);

static void check_after(lua_State *L, int instructions)
{
	if (lua_gethook(L) != check_clock || lua_gethookcount(L) != instructions) {
		lua_sethook(L, check_clock, LUA_MASKCOUNT, instructions);
	}
}

/* [-0, +1, m] */
static void push_message(lua_State *L, const limit *l, const char *place)
{
	lua_pushstring(L, place);
	lua_pushfstring(L, "stopped because it has run for more than %f s (--handler-timeout)", (lua_Number)l->seconds);
	lua_concat(L, 2);
}

static int raise_limit(lua_State *L, limit *l)
{
	if (!l->is_over) {
		l->is_over = true;
		luaL_where(L, 0);
		(void)snprintf(l->place, sizeof l->place, "%s", lua_tostring(L, -1));
	}
	/* In a coroutine the error ends only that: its resumer must not go on either. */
	check_after(l->runner, 1);
	push_message(L, l, l->place);
	return lua_error(L);
}

/* The count hook. Level 0 is the function that was interrupted. */
static void check_clock(lua_State *L, lua_Debug *activation)
{
	limit *l = find(L);
	double now = clock_seconds();
	bool has_waited = now - l->checked > WAIT;
	int count = lua_gethookcount(L);

	l->checked = now;
	if (l->deadline != 0 && now > l->deadline) {
		check_after(L, 1);
		if (!is_library(L, activation, l)) {
			(void)raise_limit(L, l);
		}
	} else {
		check_after(L, has_waited ? FEWEST : count < MOST / 2 ? 2 * count : MOST);
	}
}

/* A function with a limit, and the one that it interrupts. */
typedef struct limited_call {
	double began;
	double outer_deadline;
	lua_State *outer_runner;
} limited_call;

static void set_deadline(limit *l, double deadline, double now)
{
	l->deadline = deadline;
	l->checked = now;
	l->is_over = false;
}

static void enter(lua_State *L, limit *l, double seconds, limited_call *call)
{
	call->began = clock_seconds();
	call->outer_deadline = l->deadline;
	call->outer_runner = l->runner;
	l->runner = L;
	set_deadline(l, call->began + seconds, call->began);
	check_after(L, FEWEST);
}

static void leave(lua_State *L, limit *l, const limited_call *call)
{
	double now = clock_seconds();

	l->runner = call->outer_runner;
	set_deadline(l, call->outer_deadline == 0 ? 0 : call->outer_deadline + now - call->began, now);
	/* Otherwise a function that calls many short ones might never be checked itself. */
	check_after(L, l->deadline != 0 && now > l->deadline ? 1 : FEWEST);
}

/* As lua_pcall, with a limit of so many seconds. */
static int pcall_within(lua_State *L, limit *l, double seconds, int arguments, int results, int handler)
{
	int function = lua_gettop(L) - arguments, status;
	char place[sizeof l->place];
	bool is_over;
	limited_call call;

	enter(L, l, seconds, &call);
	status = lua_pcall(L, arguments, results, handler);
	is_over = l->is_over;
	memcpy(place, l->place, sizeof place);
	leave(L, l, &call);
	/* The coroutine in which the error was raised may have ended without passing the error on. */
	if (status == 0 && is_over) {
		(void)memory_apply_limit(L, false); /* for the message: nobody would catch its error */
		lua_settop(L, function - 1);
		push_message(L, l, place);
		status = LUA_ERRRUN;
	}
	return status;
}

int limit_pcall(lua_State *L, int arguments, int results, int handler)
{
	limit *l = find(L);

	return l == NULL ? lua_pcall(L, arguments, results, handler)
					 : pcall_within(L, l, l->seconds, arguments, results, handler);
}

int limit_pcall_without(lua_State *L, int arguments, int results)
{
	limit *l = find(L);

	return l == NULL ? lua_pcall(L, arguments, results, 0) : pcall_within(L, l, HUGE_VAL, arguments, results, 0);
}

void limit_open(lua_State *L, double seconds, const char *libraries)
{
	size_t size = strlen(libraries) + 1;
	limit *l;

	lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
	l = compat_newuserdata(L, sizeof *l + size);
	*l = (limit){.seconds = seconds};
	memcpy(l->libraries, libraries, size);
	lua_rawset(L, LUA_REGISTRYINDEX);
	check_after(L, FEWEST);
}
