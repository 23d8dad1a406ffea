/* The userdata over libcpg: a handle and its group. */
#ifndef COROSYNC_LUA_CPG_GROUP_H
#define COROSYNC_LUA_CPG_GROUP_H

#include <stdatomic.h>

#include <corosync/cpg.h>

#include "handle/handle.h"

typedef enum membership {
	MEMBERSHIP_NONE,
	MEMBERSHIP_JOINED,
	MEMBERSHIP_LEFT,
	MEMBERSHIP_GIVEN_UP, /* left by the reader, at its limit */
} membership;

typedef struct cpg {
	handle handle;
	_Atomic(membership) membership; /* a reader changes it too, between call_begin and call_end */
	bool split;
	bool was_told_left; /* under the lock of the thread that dispatches, */
	uint64_t changes;   /* and the number of member changes queued so far */
	bool astray;        /* the members are no longer known: no later event is valid */
	uint32_t node, limit;
	uint32_t window;         /* the most own messages that may be in flight, */
	atomic_size_t in_flight; /* and the number that is: sent, and not yet back in the queue, */
	atomic_size_t flying;    /* and the bytes that they will take there */
	struct cpg_name group;
} cpg;

/* Fields of the handle's user value. */
enum { VALUE_ADDRESSES = VALUE_OF_CLASS, VALUE_MEMBERS, VALUE_CHANGE };

/* As call_begin, with the handle's group as the subject, if it has one. */
void cpg_group_call_begin(cpg *c, const char *verb);

/* NULL if the handle is a member of its group, else why not. */
const failure *cpg_group_not_member(const cpg *c);

/* Pushes "<verb> group 'name'", the start of a failure's message. [-0, +1, m] */
void cpg_group_push_attempt(lua_State *L, const char *verb, const char *name, size_t length);

/* Pushes nil, "cannot <verb> group 'name': …", code; returns 3. [-0, +3, m] */
int cpg_group_fail(lua_State *L, const cpg *c, const char *verb, const failure *why);

/* Pushes true if `why` is NULL, else the same; returns the number of values. [-0, +1|3, m] */
int cpg_group_return(lua_State *L, const cpg *c, const char *verb, const failure *why);

#endif
