#include "support/failure.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The longest name of a key of the configuration map; groups have shorter ones. */
#define LONGEST_NAME ((size_t)255)

const failure FAILURE_CLOSED = {"closed", "the handle is closed"};
const failure FAILURE_DISPATCHING = {"dispatching",
	"a handler of this handle is running, and events must be handled in order: return from the handler first"};
const failure FAILURE_NO_MEMORY = {"no_memory",
	"there was not enough memory to store an event, so one is missing: close the handle and open a new one"};
const failure FAILURE_NO_PROVIDER = {"no_quorum_provider",
	"Corosync on this node has no quorum provider, so no side of the cluster is quorate: set "
	"quorum { provider: corosync_votequorum } in corosync.conf on all nodes and restart Corosync"};
const failure FAILURE_NO_STACK = {
	"no_stack", "Corosync's library needs more than 1 MiB of stack, and this thread has less left: give it 2 MiB"};
const failure FAILURE_NOT_CONNECTED = {
	"not_connected", "Corosync on this node has gone, and with it the connection: see its log for the reason"};
const failure FAILURE_OPEN_FILES = {"no_resources",
	"this process has reached its limit of open files: close some, or raise the limit (ulimit -n, LimitNOFILE of "
	"systemd)"};
const failure FAILURE_OPEN_FILES_SYSTEM = {
	"no_resources", "this machine has reached its limit of open files: raise it (sysctl fs.file-max)"};
const failure FAILURE_SHORT_OF_MEMORY = {
	"no_memory", "this machine or this process's control group is out of memory: free some"};
const failure FAILURE_WRONG_PROCESS = {
	"wrong_process", "the handle belongs to the process that this one was forked from: open a new one here"};

static const failure corosync_failures[] = {
	[CS_ERR_LIBRARY] = {"library", "Corosync's library reports an internal error"},
	[CS_ERR_VERSION] = {"version", "Corosync and its client library are of different versions"},
	[CS_ERR_INIT] = {"init", "Corosync is not initialized yet: try again shortly"},
	[CS_ERR_TIMEOUT] = {"timeout", "Corosync did not reply in time"},
	[CS_ERR_TRY_AGAIN] = {"try_again",
		"the cluster's membership is changing or Corosync's queue is full: try again shortly"},
	[CS_ERR_INVALID_PARAM] = {"invalid_param", "Corosync rejects the argument"},
	[CS_ERR_NO_MEMORY] = {"no_memory", "Corosync does not have enough memory"},
	[CS_ERR_BAD_HANDLE] = {"bad_handle", "Corosync no longer knows the handle: open a new one"},
	[CS_ERR_BUSY] = {"busy", "Corosync is busy: try again shortly"},
	[CS_ERR_ACCESS] = {"access", "Corosync does not allow it"},
	[CS_ERR_NOT_EXIST] = {"not_exist", "it does not exist"},
	[CS_ERR_NAME_TOO_LONG] = {"name_too_long", "the name is too long"},
	[CS_ERR_EXIST] = {"exist", "it already exists"},
	[CS_ERR_NO_SPACE] = {"no_space", "no space left: is /dev/shm full?"},
	[CS_ERR_INTERRUPT] = {"interrupt",
		"the configuration changed meanwhile, and nothing was delivered: send the whole message again"},
	[CS_ERR_NAME_NOT_FOUND] = {"name_not_found", "Corosync does not know the name"},
	[CS_ERR_NO_RESOURCES] = {"no_resources", "Corosync lacks a resource: see its log"},
	[CS_ERR_NOT_SUPPORTED] = {"not_supported", "this Corosync does not support it"},
	[CS_ERR_BAD_OPERATION] = {"bad_operation", "not possible in this state"},
	[CS_ERR_FAILED_OPERATION] = {"failed_operation", "Corosync failed: see its log"},
	[CS_ERR_MESSAGE_ERROR] = {"message_error", "Corosync received a damaged message"},
	[CS_ERR_QUEUE_FULL] = {"queue_full", "Corosync's queue is full: try again shortly"},
	[CS_ERR_QUEUE_NOT_AVAILABLE] = {"queue_not_available", "Corosync's queue is not available"},
	[CS_ERR_BAD_FLAGS] = {"bad_flags", "Corosync does not know the flags"},
	[CS_ERR_TOO_BIG] = {"too_big", "it is too big for Corosync"},
	[CS_ERR_NO_SECTIONS] = {"no_sections", "there are no more entries"},
};

static const failure unknown_failure = {"unknown", "Corosync returned an error code that this binding does not know"};

const failure *failure_of(cs_error_t error)
{
	size_t index = (size_t)error;

	if (index >= sizeof corosync_failures / sizeof *corosync_failures || corosync_failures[index].code == NULL) {
		return &unknown_failure;
	}
	return &corosync_failures[index];
}

static const failure failure_system = {"no_resources", "the system call failed: trace it with strace"};
static const failure failure_threads = {
	"no_resources", "the limit of threads is reached: raise it (ulimit -u, TasksMax of systemd)"};
static const failure failure_watches = {
	"no_resources", "the limit of epoll watches is reached: raise it (sysctl fs.epoll.max_user_watches)"};

const failure *failure_of_system(int error)
{
	switch (error) {
	case EAGAIN: return &failure_threads;
	case EMFILE: return &FAILURE_OPEN_FILES;
	case ENFILE: return &FAILURE_OPEN_FILES_SYSTEM;
	case ENOBUFS:
	case ENOMEM: return &FAILURE_SHORT_OF_MEMORY;
	case ENOSPC: return &failure_watches;
	default: return &failure_system;
	}
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

int failure_push_text(lua_State *L, const char *attempt, const failure *why)
{
	lua_pushstring(L, attempt);
	return failure_push(L, why);
}

int failure_push_system(lua_State *L, const char *attempt, int error)
{
	const failure *why = failure_of_system(error);

	lua_pushnil(L);
	lua_pushfstring(L, "cannot %s: %s", attempt, why == &failure_system ? strerror(error) : why->text);
	lua_pushliteral(L, "no_resources");
	return 3;
}

void failure_show_byte(char to[FAILURE_SHOWN], char byte)
{
	unsigned char number = (unsigned char)byte;
	bool is_plain = number < 0x80 && isprint(number) && byte != '\'' && byte != '\\';

	(void)snprintf(to, FAILURE_SHOWN, is_plain ? "%c" : "\\%03u", number);
}

void failure_push_attempt(lua_State *L, const char *verb, const char *noun, const char *name, size_t length)
{
	luaL_Buffer buffer;
	char shown_byte[FAILURE_SHOWN];
	size_t shown = length > LONGEST_NAME ? LONGEST_NAME / 4 : length, i;

	luaL_buffinit(L, &buffer);
	luaL_addstring(&buffer, verb);
	luaL_addchar(&buffer, ' ');
	luaL_addstring(&buffer, noun);
	luaL_addstring(&buffer, " '");
	for (i = 0; i < shown; i++) {
		failure_show_byte(shown_byte, name[i]);
		luaL_addstring(&buffer, shown_byte);
	}
	luaL_addstring(&buffer, shown < length ? "...'" : "'");
	luaL_pushresult(&buffer);
}
