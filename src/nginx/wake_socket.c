#include "nginx/wake_socket.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/descriptor.h"


#define NAME "/wake"

void wake_socket_init(wake_socket *s)
{
	memset(s, 0, sizeof *s);
	s->listener = s->connection = -1;
}

/* The listener, its path and the path's directory. */
static void stop_listening(wake_socket *s)
{
	char *path = s->address.sun_path;

	descriptor_close(&s->listener);
	if (path[0] != '\0') {
		(void)unlink(path);
		path[strlen(path) - strlen(NAME)] = '\0';
		(void)rmdir(path);
		path[0] = '\0';
	}
}

void wake_socket_close(wake_socket *s)
{
	stop_listening(s);
	descriptor_close(&s->connection);
}

/* mkdir is as exclusive as mkdtemp, and sets the mode at once. */
static bool make_directory(wake_socket *s, const char *parent)
{
	char *path = s->address.sun_path;
	size_t size = sizeof s->address.sun_path;
	uint64_t random;
	int length;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
		return false;
	}
	length = snprintf(path, size, "%s/corosync-%016llx", parent, (unsigned long long)random);
	if (length < 0 || (size_t)length + sizeof NAME > size) {
		path[0] = '\0';
		errno = ENAMETOOLONG;
		return false;
	}
	if (mkdir(path, S_IRWXU) != 0) {
		path[0] = '\0';
		return false;
	}
	memcpy(path + length, NAME, sizeof NAME);
	return true;
}

static bool listen_there(wake_socket *s)
{
	s->address.sun_family = AF_UNIX;
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return s->listener >= 0 && bind(s->listener, (const struct sockaddr *)&s->address, sizeof s->address) == 0 &&
		listen(s->listener, 1) == 0;
}

bool wake_socket_open(wake_socket *s, const char *directory)
{
	int error;

	if (!make_directory(s, directory)) {
		return false;
	}
	if (listen_there(s)) {
		return true;
	}
	error = errno;
	wake_socket_close(s);
	errno = error;
	return false;
}

/* The directory keeps other users out, but not this user's other processes. */
static bool is_own(int connection)
{
	struct ucred peer;
	socklen_t length = sizeof peer;

	return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == getpid();
}

void wake_socket_accept(wake_socket *s)
{
	int connection = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (connection < 0) {
		/* Otherwise epoll would report the same pending connection again and again. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			stop_listening(s);
		}
		return;
	}
	if (!is_own(connection)) {
		(void)close(connection);
		return;
	}
	s->connection = connection;
	stop_listening(s);
	if (s->rung) {
		wake_socket_ring(s);
	}
}

void wake_socket_ring(wake_socket *s)
{
	s->rung = s->connection < 0;
	/* With a full buffer the connection is readable anyway. After any other error its peer has gone. */
	if (!s->rung && send(s->connection, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
		descriptor_close(&s->connection);
	}
}
