/* The userdata over libcpg, and what the files of its methods share. */
#ifndef COROSYNC_LUA_CPG_CPG_HANDLE_H
#define COROSYNC_LUA_CPG_CPG_HANDLE_H

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
	bool was_told_left; /* under the lock of who dispatches, */
	uint64_t changes;   /* and how many changes of its members have been queued */
	bool astray;        /* the members are not known any more: no later event is good */
	uint32_t node, limit;
	uint32_t window;         /* the most own messages that may be on their way, */
	atomic_size_t in_flight; /* and how many are: sent, and not come back into the queue, */
	atomic_size_t flying;    /* and how many bytes they will take there */
	struct cpg_name group;
} cpg;

extern const handle_class cpg_class;

/* The handle at index 1. Raises if it is of another type. [-0, +0, v] */
cpg *cpg_check(lua_State *L);

/* As call_begin, with the handle's group for a subject, if it has one. */
void cpg_call_begin(cpg *c, const char *what);

/* NULL if the handle is a member of its group, else why a call that needs one is refused. */
const failure *cpg_not_member(const cpg *c);

/* Pushes what a method tries, for its failure: "<verb> group 'name'". [-0, +1, m] */
void cpg_push_attempt(lua_State *L, const char *verb, const char *name, size_t length);

/* Pushes nil, "cannot <verb> group 'name': …", code; answers 3. [-0, +3, m] */
int cpg_fail(lua_State *L, const cpg *c, const char *verb, const failure *why);

/* Pushes true if `why` is NULL, else the same; answers how many values it pushed. [-0, +1|3, m] */
int cpg_answer(lua_State *L, const cpg *c, const char *verb, const failure *why);

#endif
