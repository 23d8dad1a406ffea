#include "cpg/cpg.h"

#include "handle/call.h"

static const failure failure_not_joined = {"not_joined", "the handle is not a member of a group: join first"};
static const failure failure_has_left = {
	"not_joined", "the handle has left its group: close it and join with another one"};
static const failure failure_given_up = {"not_joined",
	"its reader has left the group because handlers lag: handle events faster or raise the reader's limit, and join "
	"with another handle"};

void cpg_group_call_begin(cpg *c, const char *verb)
{
	call_begin(&c->handle, verb, c->group.value, c->group.length);
}

const failure *cpg_group_not_member(const cpg *c)
{
	const failure *why = handle_unusable(&c->handle);
	membership present = c->membership;

	if (why != NULL) {
		return why;
	}
	switch (present) {
	case MEMBERSHIP_NONE: return &failure_not_joined;
	case MEMBERSHIP_LEFT: return &failure_has_left;
	case MEMBERSHIP_GIVEN_UP: return &failure_given_up;
	default: return NULL;
	}
}

int cpg_group_fail(lua_State *L, const cpg *c, const char *verb, const failure *why)
{
	if (c->membership == MEMBERSHIP_NONE) {
		lua_pushfstring(L, "%s a group", verb);
	} else {
		failure_push_attempt(L, verb, "group", c->group.value, c->group.length);
	}
	return failure_push(L, why);
}

int cpg_group_return(lua_State *L, const cpg *c, const char *verb, const failure *why)
{
	return why == NULL ? success_push(L) : cpg_group_fail(L, c, verb, why);
}
