#include "cpgrun/cpgrun.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Global, because a signal handler can reach nothing else. */
static volatile sig_atomic_t state;
enum { LOADING, RUNNING, STOPPING };
static struct sigaction next[NSIG];

static void end(int number)
{
	static const char text[] = "cpgrun: ended by a signal while the script was running\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

	(void)written;
	_exit(128 + number);
}

/* A closed terminal can send several SIGHUPs, and systemd sends one after its SIGTERM: so only a second SIGINT or
SIGTERM ends the process. */
static void handle(int number, siginfo_t *info, void *context)
{
	if (state == LOADING || (state == STOPPING && number != SIGHUP)) {
		end(number);
	}
	state = STOPPING;
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
	(void)L;
	state = LOADING;
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
