#include "cpgrun/cpgrun.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Global, because a signal handler can reach nothing else. */
static volatile sig_atomic_t state;
enum { LOADING, RUNNING, STOPPING };
static struct sigaction next[NSIG];
static bool had_terminal, is_supervised;

/* The kernel takes a terminal that hangs up from its session before it sends SIGHUP. */
static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0) {
		(void)close(fd);
	}
	return fd >= 0 || (errno != ENXIO && errno != EIO);
}

static bool has_lost_terminal(void)
{
	return had_terminal && !has_terminal();
}

int interrupt_has_lost_terminal(lua_State *L)
{
	lua_pushboolean(L, has_lost_terminal());
	return 1;
}

static void end(int number)
{
	static const char text[] = "cpgrun: ended by a signal while the script was running\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

	(void)written;
	_exit(128 + number);
}

/*
 * A SIGHUP without a closed terminal reloads the script. A closed terminal can send several, and systemd sends one
 * after its SIGTERM: so only a second SIGINT or SIGTERM ends the process.
 */
static void handle(int number, siginfo_t *info, void *context)
{
	int kept = errno;
	bool stops = number != SIGHUP || has_lost_terminal();

	errno = kept;
	if (stops && (state == LOADING || (state == STOPPING && number != SIGHUP && !is_supervised))) {
		end(number);
	}
	if (stops) {
		state = STOPPING;
	}
	if ((next[number].sa_flags & SA_SIGINFO) != 0) {
		next[number].sa_sigaction(number, info, context);
	} else if (next[number].sa_handler != SIG_DFL && next[number].sa_handler != SIG_IGN) {
		next[number].sa_handler(number);
	}
}

/* An ignored signal stays ignored: nohup's SIGHUP, for which luv has no handler. */
static void go_before(int number)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};

	(void)sigfillset(&action.sa_mask);
	if (sigaction(number, NULL, &next[number]) == 0 && next[number].sa_handler != SIG_IGN) {
		(void)sigaction(number, &action, NULL);
	}
}

int interrupt_guard(lua_State *L)
{
	is_supervised = lua_toboolean(L, 1);
	state = LOADING;
	had_terminal = has_terminal();
	go_before(SIGHUP);
	go_before(SIGINT);
	go_before(SIGTERM);
	return 0;
}

int interrupt_loaded(lua_State *L)
{
	(void)L;
	state = RUNNING;
	return 0;
}

bool interrupt_is_stopping(void)
{
	return state == STOPPING;
}
