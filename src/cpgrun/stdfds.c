#include "cpgrun/cpgrun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void stdfds_open(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
			(void)open("/dev/null", O_RDWR);
		}
	}
}

/* SIGTERM is raised once, and not while the process stops: a second one would end it before it leaves its group. */
static volatile sig_atomic_t asked;

static bool output_has_hung_up(void)
{
	struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

int stdfds_has_hung_up(lua_State *L)
{
	lua_pushboolean(L, output_has_hung_up());
	return 1;
}

static void hang_up(int number)
{
	int kept = errno;

	(void)number;
	if (!asked && !interrupt_is_stopping() && output_has_hung_up()) {
		asked = 1;
		(void)raise(SIGTERM);
	}
	errno = kept;
}

/* With a handler, which exec resets, and not SIG_IGN, which it keeps. */
void stdfds_catch_hangups(void)
{
	struct sigaction action = {.sa_handler = hang_up, .sa_flags = SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGPIPE, &action, NULL);
}

/* A reader that has hung up needs no more output. */
static void check_output(void)
{
	bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;

	if (failed && !output_has_hung_up()) {
		(void)fprintf(stderr, "cpgrun: cannot write all output to standard output: is the disk full?\n");
		_exit(EXIT_FAILURE);
	}
}

int stdfds_check_at_exit(void)
{
	return atexit(check_output);
}
