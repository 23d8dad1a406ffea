#include "handle/time_limit.h"

#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>

#include "support/descriptor.h"
#include "support/poll.h"
#include "support/thread.h"

#define STACK_SIZE ((size_t)64 * 1024)

static void *run(void *argument)
{
	time_limit *t = argument;

	t->expired = !poll_readable(NULL, t->stop, false, t->seconds);
	if (t->expired) {
		(void)shutdown(t->fd, SHUT_RDWR);
	}
	return NULL;
}

void time_limit_begin(time_limit *t, const handle *h, double seconds)
{
	*t = (time_limit){.fd = -1, .stop = -1, .seconds = seconds};
	if (isfinite(seconds) && !handle_has_datagram_socket(h)) {
		/* A copy, because the number may be another file's as soon as the connection is closed. */
		t->fd = fcntl(h->libqb_fd, F_DUPFD_CLOEXEC, 0);
		t->stop = thread_eventfd();
	}
	t->running = t->fd >= 0 && t->stop >= 0 && thread_start(&t->thread, STACK_SIZE, "corosync-limit", run, t) == 0;
}

bool time_limit_end(time_limit *t)
{
	if (t->running) {
		thread_eventfd_set(t->stop);
		(void)pthread_join(t->thread, NULL);
	}
	descriptor_close(&t->fd);
	descriptor_close(&t->stop);
	return t->expired;
}
