/* Run-time failures: nil, message, code. */
#ifndef COROSYNC_LUA_SUPPORT_FAILURE_H
#define COROSYNC_LUA_SUPPORT_FAILURE_H

#include <stddef.h>

#include <corosync/corotypes.h>

#include "support/compat.h"

typedef struct failure {
	const char *code; /* a lower-case word that scripts compare */
	const char *text; /* the cause, and a remedy */
} failure;

extern const failure FAILURE_CLOSED;
extern const failure FAILURE_DISPATCHING;
extern const failure FAILURE_NO_MEMORY;
extern const failure FAILURE_NO_PROVIDER;
extern const failure FAILURE_NO_STACK;
extern const failure FAILURE_NOT_CONNECTED;
extern const failure FAILURE_OPEN_FILES, FAILURE_OPEN_FILES_SYSTEM, FAILURE_SHORT_OF_MEMORY;
extern const failure FAILURE_WRONG_PROCESS;

/* The failure for one of Corosync's error codes. Never NULL. */
const failure *failure_of(cs_error_t error);

/* The failure for an errno of a call that makes descriptors or threads. Never NULL. */
const failure *failure_of_system(int error);

/*
 * Pushes nil, "cannot <attempt>: <text>", code, where <attempt> is the string on top of the stack, which it replaces.
 * Returns 3, the number of values, so that a C function can return it. [-1, +3, m]
 */
int failure_push(lua_State *L, const failure *why);

/* The same for the given attempt. [-0, +3, m] */
int failure_push_text(lua_State *L, const char *attempt, const failure *why);

/* Pushes true, the result of a call without a failure; returns 1. [-0, +1, -] */
static inline int success_push(lua_State *L)
{
	lua_pushboolean(L, 1);
	return 1;
}

/* Pushes nil, "cannot <attempt>: <the text for that errno>", "no_resources". Returns 3. [-0, +3, m] */
int failure_push_system(lua_State *L, const char *attempt, int error);

/* Writes a byte of a name, and a NUL: as it is, or as \ddd if it is not printable, a quote or a backslash. */
#define FAILURE_SHOWN 5
void failure_show_byte(char to[FAILURE_SHOWN], char byte);

/*
 * Pushes "<verb> <noun> '<name>'", the attempt for failure_push, with unprintable bytes of the name as \ddd. A name
 * that is too long is cut. [-0, +1, m]
 */
void failure_push_attempt(lua_State *L, const char *verb, const char *noun, const char *name, size_t length);

#endif
