#include "votequorum/votequorum.h"

#include "handle/call.h"

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

void votequorum_info_push(lua_State *L, const struct votequorum_info *info)
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
