#include "votequorum/votequorum.h"

#include "handle/call.h"
#include "support/argument.h"

/***
@module corosync.votequorum
*/

/***
The result of `info`.
@table info
@tfield integer node the node's id
@tfield string state of the node: "member", "dead" or "leaving"
@tfield integer votes of the node
@tfield integer expected_votes of the node
@tfield integer highest_expected of the cluster
@tfield integer total_votes of the cluster
@tfield integer quorum the least votes that are quorate
@tfield table<string,boolean> flags of the cluster: two_node, quorate, wait_for_all, last_man_standing,
auto_tie_breaker, allow_downscale; of the node: qdevice_registered, qdevice_alive, qdevice_cast_vote,
qdevice_master_wins
@tfield integer|nil qdevice_votes nil without a quorum device
@tfield string|nil qdevice_name nil without a quorum device
*/

static const failure failure_qdevice_node = {
	"not_exist", "the id is the quorum device's, which has no information of its own: see a node's"};

const failure VOTEQUORUM_UNKNOWN_NODE = {"not_exist", "unknown node id (not seen since Corosync started here)"};

/*
 * For a node that it does not know, the daemon returns a quorum device's name from uninitialized memory.
 * libvotequorum copies that up to the next zero byte, which may be past the end of the struct.
 */
typedef union roomy_info {
	struct votequorum_info info;
	char room[4096];
} roomy_info;

const failure *votequorum_info_get(handle *h, uint32_t node, struct votequorum_info *info)
{
	roomy_info roomy;
	cs_error_t error = CALL(h, "info", votequorum_getinfo(h->id, node, &roomy.info));

	if (error == CS_OK) {
		*info = roomy.info;
	}
	return error == CS_ERR_NOT_EXIST ? &VOTEQUORUM_UNKNOWN_NODE : handle_failure(h, error);
}

const char *votequorum_info_state_name(uint32_t state)
{
	static const char *const names[] = {
		[VOTEQUORUM_NODESTATE_MEMBER] = "member",
		[VOTEQUORUM_NODESTATE_DEAD] = "dead",
		[VOTEQUORUM_NODESTATE_LEAVING] = "leaving",
	};

	return state < sizeof names / sizeof *names ? names[state] : NULL;
}

/* [-0, +1, m] */
static void push_flags(lua_State *L, uint32_t flags)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} names[] = {
		{"two_node", VOTEQUORUM_INFO_TWONODE},
		{"quorate", VOTEQUORUM_INFO_QUORATE},
		{"wait_for_all", VOTEQUORUM_INFO_WAIT_FOR_ALL},
		{"last_man_standing", VOTEQUORUM_INFO_LAST_MAN_STANDING},
		{"auto_tie_breaker", VOTEQUORUM_INFO_AUTO_TIE_BREAKER},
		{"allow_downscale", VOTEQUORUM_INFO_ALLOW_DOWNSCALE},
		{"qdevice_registered", VOTEQUORUM_INFO_QDEVICE_REGISTERED},
		{"qdevice_alive", VOTEQUORUM_INFO_QDEVICE_ALIVE},
		{"qdevice_cast_vote", VOTEQUORUM_INFO_QDEVICE_CAST_VOTE},
		{"qdevice_master_wins", VOTEQUORUM_INFO_QDEVICE_MASTER_WINS},
	};
	const size_t count = sizeof names / sizeof *names;
	size_t i;

	lua_createtable(L, 0, (int)count);
	for (i = 0; i < count; i++) {
		lua_pushboolean(L, (flags & names[i].flag) != 0);
		lua_setfield(L, -2, names[i].name);
	}
}

/* [-0, +1, m] */
static void push_info(lua_State *L, const struct votequorum_info *info)
{
	lua_createtable(L, 0, 10);
	compat_setuint32(L, "node", info->node_id);
	lua_pushstring(L, votequorum_info_state_name(info->node_state));
	lua_setfield(L, -2, "state");
	compat_setuint32(L, "votes", info->node_votes);
	compat_setuint32(L, "expected_votes", info->node_expected_votes);
	compat_setuint32(L, "highest_expected", info->highest_expected);
	compat_setuint32(L, "total_votes", info->total_votes);
	compat_setuint32(L, "quorum", info->quorum);
	push_flags(L, info->flags);
	lua_setfield(L, -2, "flags");
	compat_setuint32(L, "qdevice_votes", info->qdevice_votes);
	if (info->qdevice_name[0] != '\0') {
		lua_pushstring(L, info->qdevice_name);
		lua_setfield(L, -2, "qdevice_name");
	}
}

int votequorum_fail_with_node(lua_State *L, const char *verb, int index, const failure *why)
{
	if (lua_isnoneornil(L, index)) {
		lua_pushfstring(L, "%s the local node in votequorum", verb);
	} else {
		/* lua_pushfstring has no format for numbers above the range of int. */
		lua_pushfstring(L, "%s node ", verb);
		lua_pushvalue(L, index);
		lua_pushliteral(L, " in votequorum");
		lua_concat(L, 3);
	}
	return failure_push(L, why);
}

/***
A node's state and votes, and the cluster's votes as this node counts them. Calls `votequorum_getinfo`.
@function handle:info
@tparam[opt] integer node its id; the local node when absent
@treturn info
@error nil, message, code: "not_exist" (unknown node id, not seen since Corosync started here; or 0, the quorum
device's), "not_connected", "closed", "wrong_process"; raises for anything but a whole number from 0 to 4294967295
*/
int votequorum_info_method_info(lua_State *L)
{
	handle *h = handle_check(L);
	bool local = lua_isnoneornil(L, 2);
	uint32_t node = local ? LOCAL_NODE : argument_check_uint32(L, 2, "node");
	struct votequorum_info info;
	const failure *why = handle_unusable(h);

	if (why == NULL && !local && node == VOTEQUORUM_QDEVICE_NODEID) {
		why = &failure_qdevice_node;
	}
	if (why == NULL) {
		why = votequorum_info_get(h, node, &info);
	}
	if (why != NULL) {
		return votequorum_fail_with_node(L, "get the information on", 2, why);
	}
	push_info(L, &info);
	return 1;
}
