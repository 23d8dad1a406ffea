#include "quorum.h"

#include <corosync/quorum.h>

#include "handle.h"

/***
Quorum: the userdata over libquorum. It also has the methods that all handles share, see
@{corosync.handle} and @{corosync.events}.
@module corosync.quorum
*/

typedef struct quorum {
	handle handle;
} quorum;

static const handle_class quorum_class = {
	.type = "corosync.quorum",
	.service = "quorum",
	.fd_get = quorum_fd_get,
	.dispatch = quorum_dispatch,
	.finalize = quorum_finalize,
};

/***
Connects to the local Corosync's quorum service. Stands on `quorum_model_initialize`.
@function quorum.open
@treturn handle
@error nil, message, code: "not_connected", "access", "try_again"
*/
static int module_open(lua_State *L)
{
	quorum_model_v0_data_t model = {.model = QUORUM_MODEL_V0};
	quorum_handle_t id = 0;
	uint32_t type;
	quorum *q;
	cs_error_t error;

	lua_settop(L, 0);
	lua_newtable(L);
	q = handle_new(L, &quorum_class, sizeof *q, 1);
	error = quorum_model_initialize(&id, QUORUM_MODEL_V0, (quorum_model_data_t *)&model, &type, &q->handle);
	if (error == CS_OK) {
		error = handle_opened(&q->handle, id);
		if (error == CS_OK) {
			return 1;
		}
		(void)quorum_finalize(id);
	}
	return handle_open_failed(L, &quorum_class, error);
}

/***
Whether this node's side of the cluster has quorum. Stands on `quorum_getquorate`.
@function handle:quorate
@treturn boolean
@error nil, message, code: "not_connected", "closed", "wrong_process"
*/
static int quorum_method_quorate(lua_State *L)
{
	quorum *q = handle_check(L, &quorum_class);
	const failure *why = handle_unusable(&q->handle);
	int quorate = 0;
	cs_error_t error;

	if (why == NULL) {
		error = quorum_getquorate(q->handle.id, &quorate);
		why = error == CS_OK ? NULL : handle_failure(&q->handle, error);
	}
	if (why != NULL) {
		lua_pushliteral(L, "ask for quorum");
		return failure_push(L, why);
	}
	lua_pushboolean(L, quorate);
	return 1;
}

static const luaL_Reg methods[] = {
	{"quorate", quorum_method_quorate},
	{NULL, NULL},
};

int quorum_push_module(lua_State *L)
{
	handle_setup(L, &quorum_class, methods);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, module_open);
	lua_setfield(L, -2, "open");
	return 1;
}
