#include "standard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

void standard_open(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
			(void)open("/dev/null", O_RDWR);
		}
	}
}

/* Once: a second SIGTERM would not let it leave its group. */
static volatile sig_atomic_t asked;

static void hang_up(int number)
{
	struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
	int kept = errno;

	(void)number;
	if (!asked && poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0) {
		asked = 1;
		(void)raise(SIGTERM);
	}
	errno = kept;
}

/* By a handler, which exec does away with, and not by SIG_IGN, which it keeps. */
void standard_catch_hangups(void)
{
	struct sigaction action = {.sa_handler = hang_up, .sa_flags = SA_RESTART};

	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGPIPE, &action, NULL);
}
