#include "cpgrun/stdfds.h"

#include "cpgrun/interrupt.h"

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

/* Once, and not while it stops: a second signal would not let it leave its group. */
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

/* By a handler, which exec does away with, and not by SIG_IGN, which it keeps. */
void stdfds_catch_hangups(void)
{
	struct sigaction action = {.sa_handler = hang_up, .sa_flags = SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGPIPE, &action, NULL);
}

/* Who reads no more has had what he wanted. */
static void check_output(void)
{
	bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;

	if (failed && !output_has_hung_up()) {
		(void)fprintf(stderr, "cpgrun: not all could be written to standard output: is the disk full?\n");
		_exit(EXIT_FAILURE);
	}
}

int stdfds_check_at_exit(void)
{
	return atexit(check_output);
}
