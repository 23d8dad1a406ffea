/* fork and what belongs to it, for the specs: Lua has none. */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/compat.h"

int luaopen_spec_process(lua_State *L);

/* Ends by becoming another program: neither destructors nor a memory checker get a say. */
static void leave(int fine)
{
	(void)execl("/bin/sh", "sh", "-c", fine ? "exit 0" : "exit 1", (char *)NULL);
	_exit(1);
}

/* fork(function) -> exit status of a child that runs it and ends with 0 if it answers true. */
static int process_fork(lua_State *L)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		leave(lua_pcall(L, 0, 1, 0) == 0 && lua_toboolean(L, -1));
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return luaL_error(L, "fork failed");
	}
	lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 1;
}

/* stay(): until the process is killed. */
static int process_stay(lua_State *L)
{
	(void)L;
	while (pause() < 0) {
	}
	return 0;
}

/* expire(seconds): kills the process after so long. */
static int process_expire(lua_State *L)
{
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm((unsigned int)luaL_checkinteger(L, 1));
	return 0;
}

/* fork_here() -> 0 in the child, its pid in the parent. */
static int process_fork_here(lua_State *L)
{
	lua_pushinteger(L, fork());
	return 1;
}

/* become(fine): ends the child with status 0 or 1. */
static int process_become(lua_State *L)
{
	leave(lua_toboolean(L, 1));
	return 0;
}

/* wait(pid) -> the child's exit status. */
static int process_wait(lua_State *L)
{
	int status = 0;

	if (waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0) < 0) {
		return luaL_error(L, "waitpid failed");
	}
	lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 1;
}

static void ignore(int signal_number)
{
	(void)signal_number;
}

/* alarm_every(seconds): a handled SIGALRM again and again; 0 ends it. */
static int process_alarm_every(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 1);
	struct timeval interval = {(time_t)seconds, (suseconds_t)((seconds - (lua_Number)(time_t)seconds) * 1e6)};
	struct itimerval timer = {interval, interval};
	struct sigaction action = {.sa_handler = ignore};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
	return 0;
}

/* shutdown(fd): its connection is gone, as if the other end had closed it. */
static int process_shutdown(lua_State *L)
{
	lua_pushboolean(L, shutdown((int)luaL_checkinteger(L, 1), SHUT_RDWR) == 0);
	return 1;
}

/* fill_backlog(name): connects to that abstract socket until no more connections may wait there to be accepted. */
static int process_fill_backlog(lua_State *L)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	(void)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "%s", luaL_checkstring(L, 1));
	do {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	} while (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	lua_pushboolean(L, fd >= 0 && errno == EAGAIN);
	return 1;
}

/* trim(): gives the system what is free of this process's memory. */
static int process_trim(lua_State *L)
{
	(void)L;
	(void)malloc_trim(0);
	return 0;
}

/*
 * descriptors(): how many this process has open. A program started to count them may do so before popen has closed the
 * other end of its pipe.
 */
static int process_descriptors(lua_State *L)
{
	DIR *listing = opendir("/proc/self/fd");
	int count = 0;

	while (listing != NULL && readdir(listing) != NULL) {
		count++;
	}
	if (listing != NULL) {
		(void)closedir(listing);
	}
	lua_pushinteger(L, count);
	return 1;
}

/* datagrams(path) -> descriptor of a socket for datagrams, as a service manager has. "@name" is an abstract one. */
static int process_datagrams(lua_State *L)
{
	struct sockaddr_un own = {.sun_family = AF_UNIX};
	size_t length;
	const char *path = luaL_checklstring(L, 1, &length);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	luaL_argcheck(L, length < sizeof own.sun_path, 1, "too long");
	memcpy(own.sun_path, path, length);
	if (path[0] == '@') {
		own.sun_path[0] = '\0';
	}
	if (bind(fd, (const struct sockaddr *)&own, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
		return luaL_error(L, "bind failed");
	}
	lua_pushinteger(L, fd);
	return 1;
}

/* datagram(descriptor) -> the oldest one that waits, or nil. */
static int process_datagram(lua_State *L)
{
	char bytes[4096];
	ssize_t length = recv((int)luaL_checkinteger(L, 1), bytes, sizeof bytes, 0);

	if (length < 0) {
		return 0;
	}
	lua_pushlstring(L, bytes, (size_t)length);
	return 1;
}

/* close(descriptor) */
static int process_close(lua_State *L)
{
	(void)close((int)luaL_checkinteger(L, 1));
	return 0;
}

static const luaL_Reg functions[] = {
	{"alarm_every", process_alarm_every},
	{"become", process_become},
	{"close", process_close},
	{"datagram", process_datagram},
	{"datagrams", process_datagrams},
	{"descriptors", process_descriptors},
	{"expire", process_expire},
	{"fill_backlog", process_fill_backlog},
	{"fork", process_fork},
	{"fork_here", process_fork_here},
	{"shutdown", process_shutdown},
	{"stay", process_stay},
	{"trim", process_trim},
	{"wait", process_wait},
	{NULL, NULL},
};

int luaopen_spec_process(lua_State *L)
{
	lua_newtable(L);
	compat_setfuncs(L, functions);
	return 1;
}
