#include "votequorum/votequorum.h"

#include "handle/call.h"
#include "support/argument.h"

/***
@module corosync.votequorum
*/

static const failure failure_expected_votes = {
	"invalid_param", "that is fewer than the present votes, or so many that the cluster would lose its quorum"};
static const failure failure_too_many_votes = {
	"out_of_range", "Corosync's quorum overflows above 255, the quorum of 509 votes, without an error"};
static const failure failure_votes = {"invalid_param", "with these votes the cluster would lose its quorum"};

/* With more the quorum, just over half of the votes, wraps around in the daemon's eight bits. */
#define MOST_VOTES 509

static const failure *set_expected(handle *h, uint32_t votes)
{
	cs_error_t error;

	if (votes > MOST_VOTES) {
		return &failure_too_many_votes;
	}
	error = CALL(h, "set_expected", votequorum_setexpected(h->id, votes));
	return error == CS_ERR_INVALID_PARAM ? &failure_expected_votes : handle_failure(h, error);
}

/***
Sets how many votes the cluster expects, on all nodes, until the next change or until Corosync restarts. The members
have agreed on it when `expected_votes_change` is called. Calls `votequorum_setexpected`.
@function handle:set_expected
@tparam integer votes
@treturn boolean true
@error nil, message, code: "invalid_param" (fewer than the present votes, or so many that a quorate cluster would lose
its quorum), "out_of_range" (more than 509), "no_resources", "not_connected", "closed", "wrong_process"; raises for
anything but a whole number from 0 to 4294967295
*/
int votequorum_votes_method_set_expected(lua_State *L)
{
	handle *h = handle_check(L);
	uint32_t votes = argument_check_uint32(L, 2, "votes");
	const failure *why = handle_unusable(h);

	if (why == NULL) {
		why = set_expected(h, votes);
	}
	return handle_return(L, h, "set the expected votes of", why);
}

static const failure *set_votes_of(handle *h, uint32_t node, uint32_t votes)
{
	cs_error_t error;

	if (votes > MOST_VOTES) {
		return &failure_too_many_votes;
	}
	error = CALL(h, "set_votes", votequorum_setvotes(h->id, node, votes));
	switch (error) {
	case CS_ERR_INVALID_PARAM: return &failure_votes;
	case CS_ERR_NAME_NOT_FOUND: return &VOTEQUORUM_UNKNOWN_NODE;
	default: return handle_failure(h, error);
	}
}

/* votequorum_setvotes has no id for the local node: 0 is the quorum device. */
static const failure *set_local_votes(handle *h, uint32_t votes)
{
	struct votequorum_info info;
	const failure *why = votequorum_info_get(h, LOCAL_NODE, &info);

	return why == NULL ? set_votes_of(h, info.node_id, votes) : why;
}

/***
Sets how many votes a node has, until the next change or until Corosync restarts. If the votes of all nodes exceed the
expected votes, these grow with them. Calls `votequorum_setvotes`, for the local node also `votequorum_getinfo`.
@function handle:set_votes
@tparam integer votes
@tparam[opt] integer node its id; the local node when absent, and 0 for the quorum device
@treturn boolean true
@error nil, message, code: "not_exist" (unknown node id, not seen since Corosync started here), "invalid_param" (the
cluster would lose its quorum), "out_of_range" (more than 509), "no_resources", "not_connected", "closed",
"wrong_process"; raises for anything but a whole number from 0 to 4294967295
*/
int votequorum_votes_method_set_votes(lua_State *L)
{
	handle *h = handle_check(L);
	uint32_t votes = argument_check_uint32(L, 2, "votes");
	bool local = lua_isnoneornil(L, 3);
	uint32_t node = local ? 0 : argument_check_uint32(L, 3, "node");
	const failure *why = handle_unusable(h);

	if (why == NULL) {
		why = local ? set_local_votes(h, votes) : set_votes_of(h, node, votes);
	}
	return why == NULL ? success_push(L) : votequorum_fail_with_node(L, "set the votes of", 3, why);
}
