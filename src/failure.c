#include "failure.h"

#include <ctype.h>
#include <stdio.h>

/* No group, nor any key of the configuration map, has a longer one. */
#define LONGEST_NAME ((size_t)255)

const failure FAILURE_ARRAY_TOO_LONG = {"too_many", "Corosync takes at most 63 strings in one message: concatenate some"};
const failure FAILURE_CLOSED = {"closed", "the handle is closed"};
const failure FAILURE_DISPATCHING = {"dispatching",
	"a handler of this handle is running, and the order of events must hold: return from the handler first"};
const failure FAILURE_EXPECTED_VOTES = {"invalid_param",
	"these are fewer than the present votes, or so many that the cluster would lose its quorum"};
const failure FAILURE_JOINED = {"exist", "a handle is in one group at a time, and this one has already joined: open another handle"};
const failure FAILURE_KEY = {"invalid_param", "a key is 3 to 255 letters, digits and any of ._-/:"};
const failure FAILURE_KEY_TOO_LONG = {"name_too_long", "a key is 3 to 255 letters, digits and any of ._-/:"};
const failure FAILURE_LEFT = {"left", "a handle that has left cannot join again: close it and open a new one"};
const failure FAILURE_NAME_EMPTY = {"invalid_param", "a group's name is 1 to 128 bytes, and this one is empty"};
const failure FAILURE_NAME_TOO_LONG = {"name_too_long", "a group's name is 1 to 128 bytes"};
const failure FAILURE_NO_MEMORY = {"no_memory",
	"not enough memory for what Corosync delivered, so an event is missing: close the handle and join anew"};
const failure FAILURE_NO_NODE = {"not_exist", "this node has met no such node since its Corosync started"};
const failure FAILURE_NOT_CONNECTED = {"not_connected",
	"Corosync on this node has gone, and with it the connection: is it running? connect anew once it is"};
const failure FAILURE_NOT_JOINED = {"not_joined", "the handle is not a member of a group: join first"};
const failure FAILURE_OUT_OF_RANGE = {"out_of_range", "the value does not fit in a number of this Lua"};
const failure FAILURE_QDEVICE_EXISTS = {"exist",
	"a quorum device with another name is registered: unregister that one first"};
const failure FAILURE_QDEVICE_NAME = {"invalid_param", "a quorum device's name is 1 to 254 bytes, none of them zero"};
const failure FAILURE_QDEVICE_NAME_TOO_LONG = {"name_too_long",
	"a quorum device's name is 1 to 254 bytes, none of them zero"};
const failure FAILURE_QDEVICE_NODE = {"not_exist",
	"the id is no node's but the quorum device's, of which the information on each node tells"};
const failure FAILURE_QDEVICE_NONE = {"not_exist", "no quorum device is registered on this node"};
const failure FAILURE_QDEVICE_OTHER = {"invalid_param", "the quorum device registered on this node has another name"};
const failure FAILURE_QDEVICE_RING = {"message_error",
	"the ring is not the present one: poll with the one that nodelist_change has given last"};
const failure FAILURE_QDEVICE_RULED_OUT = {"access",
	"corosync.conf has what no quorum device goes with: see Corosync's log"};
const failure FAILURE_READ_ONLY = {"access", "the key is read-only: Corosync keeps it itself"};
const failure FAILURE_TOO_BIG = {"too_big",
	"the message is longer than max_message_size(), the longest that Corosync delivers as one: send less, or open with split = true"};
const failure FAILURE_TOO_MANY_VOTES = {"out_of_range",
	"Corosync counts a quorum up to 255 only, that of 509 votes, and with more it would go wrong without a word"};
const failure FAILURE_TYPE_KEPT = {"invalid_param",
	"the key has another type, and keeps it: leave the type out, or delete the key first"};
const failure FAILURE_TYPE_NEEDED = {"not_exist", "there is no such key: give the type as well to make it"};
const failure FAILURE_UNREACHABLE = {"not_connected",
	"is corosync running, and may this user connect? (see uidgid.d in corosync.conf(5))"};
const failure FAILURE_VALUE_NUL = {"invalid_param", "a string cannot hold a zero byte: use the type \"binary\""};
const failure FAILURE_VALUE_RANGE = {"out_of_range", "the value is outside of what the key's type can hold exactly"};
const failure FAILURE_VALUE_TOO_BIG = {"too_big", "a value is at most 16384 bytes, a string's end included"};
const failure FAILURE_VALUE_TYPE = {"invalid_param", "the value does not suit the key's type"};
const failure FAILURE_VOTES = {"invalid_param", "with these votes the cluster would lose its quorum"};
const failure FAILURE_WRONG_PROCESS = {"wrong_process",
	"the handle was opened by another process, of which this one is a fork: open a new one here"};

static const failure corosync_failures[] = {
	[CS_ERR_LIBRARY] = {"library", "Corosync's library reports an internal error"},
	[CS_ERR_VERSION] = {"version", "Corosync and its client library are of different versions"},
	[CS_ERR_INIT] = {"init", "Corosync is not initialized yet: try again shortly"},
	[CS_ERR_TIMEOUT] = {"timeout", "Corosync did not answer in time"},
	[CS_ERR_TRY_AGAIN] = {"try_again",
		"the cluster's membership is changing or Corosync's queue is full: try again shortly"},
	[CS_ERR_INVALID_PARAM] = {"invalid_param", "Corosync refuses the argument"},
	[CS_ERR_NO_MEMORY] = {"no_memory", "Corosync has not enough memory"},
	[CS_ERR_BAD_HANDLE] = {"bad_handle", "Corosync does not know the handle any more: open a new one"},
	[CS_ERR_BUSY] = {"busy", "Corosync is busy: try again shortly"},
	[CS_ERR_ACCESS] = {"access", "Corosync does not allow it"},
	[CS_ERR_NOT_EXIST] = {"not_exist", "it does not exist"},
	[CS_ERR_NAME_TOO_LONG] = {"name_too_long", "the name is too long"},
	[CS_ERR_EXIST] = {"exist", "this process is in that group already"},
	[CS_ERR_NO_SPACE] = {"no_space", "no space left: is /dev/shm full?"},
	[CS_ERR_INTERRUPT] = {"interrupt", "a change of the configuration came between, and nothing was delivered: send it all again"},
	[CS_ERR_NAME_NOT_FOUND] = {"name_not_found", "Corosync does not know the name"},
	[CS_ERR_NO_RESOURCES] = {"no_resources", "no resources left: too many open files?"},
	[CS_ERR_NOT_SUPPORTED] = {"not_supported", "this Corosync does not support it"},
	[CS_ERR_BAD_OPERATION] = {"bad_operation", "not possible in this state"},
	[CS_ERR_FAILED_OPERATION] = {"failed_operation", "Corosync failed to do it"},
	[CS_ERR_MESSAGE_ERROR] = {"message_error", "Corosync met a damaged message"},
	[CS_ERR_QUEUE_FULL] = {"queue_full", "Corosync's queue is full: try again shortly"},
	[CS_ERR_QUEUE_NOT_AVAILABLE] = {"queue_not_available", "Corosync's queue is not available"},
	[CS_ERR_BAD_FLAGS] = {"bad_flags", "Corosync does not know the flags"},
	[CS_ERR_TOO_BIG] = {"too_big", "it is too big for Corosync"},
	[CS_ERR_NO_SECTIONS] = {"no_sections", "there is nothing more"},
};

static const failure unknown_failure = {"unknown", "Corosync answers with an error code that this binding does not know"};

const failure *failure_of(cs_error_t error)
{
	size_t index = (size_t)error;

	if (index >= sizeof corosync_failures / sizeof *corosync_failures || corosync_failures[index].code == NULL) {
		return &unknown_failure;
	}
	return &corosync_failures[index];
}

int failure_push(lua_State *L, const failure *why)
{
	lua_pushfstring(L, "cannot %s: %s", lua_tostring(L, -1), why->text);
	lua_pushnil(L);
	lua_insert(L, -2);
	lua_pushstring(L, why->code);
	lua_remove(L, -4);
	return 3;
}

void failure_push_name(lua_State *L, const char *name, size_t length)
{
	luaL_Buffer buffer;
	char escaped[8];
	size_t shown = length > LONGEST_NAME ? LONGEST_NAME / 4 : length, i;

	luaL_buffinit(L, &buffer);
	luaL_addchar(&buffer, '\'');
	for (i = 0; i < shown; i++) {
		unsigned char byte = (unsigned char)name[i];
		if (byte < 0x80 && isprint(byte) && byte != '\'' && byte != '\\') {
			luaL_addchar(&buffer, (char)byte);
		} else {
			(void)snprintf(escaped, sizeof escaped, "\\%03u", byte);
			luaL_addstring(&buffer, escaped);
		}
	}
	luaL_addstring(&buffer, shown < length ? "...'" : "'");
	luaL_pushresult(&buffer);
}
