#include "interrupt.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* A signal's handler has no other way to know: the process's, as signals are. */
static volatile sig_atomic_t patience; /* how many signals are luv's */
static struct sigaction next[NSIG];

static void end(int number)
{
	static const char text[] = "cpgrun: ended by a signal while the script was running\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

	(void)written;
	_exit(128 + number);
}

static void handle(int number, siginfo_t *info, void *context)
{
	if (patience <= 0) {
		end(number);
	}
	patience--;
	if ((next[number].sa_flags & SA_SIGINFO) != 0) {
		next[number].sa_sigaction(number, info, context);
	} else if (next[number].sa_handler != SIG_DFL && next[number].sa_handler != SIG_IGN) {
		next[number].sa_handler(number);
	}
}

static void go_before(int number)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};

	(void)sigfillset(&action.sa_mask);
	(void)sigaction(number, NULL, &next[number]);
	(void)sigaction(number, &action, NULL);
}

int interrupt_guard(lua_State *L)
{
	(void)L;
	patience = 0;
	go_before(SIGINT);
	go_before(SIGTERM);
	return 0;
}

int interrupt_loaded(lua_State *L)
{
	(void)L;
	patience = 1;
	return 0;
}
