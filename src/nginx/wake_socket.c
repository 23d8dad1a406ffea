#include "nginx/wake_socket.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/userdata.h"

#define NAME "/bell"

void wake_socket_init(wake_socket *b)
{
	memset(b, 0, sizeof *b);
	b->listener = b->connection = -1;
}

/* The listener, its path and the path's directory. */
static void stop_listening(wake_socket *b)
{
	char *path = b->address.sun_path;

	userdata_close_fd(&b->listener);
	if (path[0] != '\0') {
		(void)unlink(path);
		path[strlen(path) - strlen(NAME)] = '\0';
		(void)rmdir(path);
		path[0] = '\0';
	}
}

void wake_socket_close(wake_socket *b)
{
	stop_listening(b);
	userdata_close_fd(&b->connection);
}

/* mkdir is as exclusive as mkdtemp, and the mode is there from the beginning. */
static bool make_directory(wake_socket *b, const char *parent)
{
	char *path = b->address.sun_path;
	size_t size = sizeof b->address.sun_path;
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

static bool listen_there(wake_socket *b)
{
	b->address.sun_family = AF_UNIX;
	b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return b->listener >= 0 && bind(b->listener, (const struct sockaddr *)&b->address, sizeof b->address) == 0 &&
		listen(b->listener, 1) == 0;
}

bool wake_socket_open(wake_socket *b, const char *directory)
{
	int error;

	if (!make_directory(b, directory)) {
		return false;
	}
	if (listen_there(b)) {
		return true;
	}
	error = errno;
	wake_socket_close(b);
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

void wake_socket_accept(wake_socket *b)
{
	int connection = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (connection < 0) {
		/* One that cannot be accepted now waits on, and would be told of again and again. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			stop_listening(b);
		}
		return;
	}
	if (!is_own(connection)) {
		(void)close(connection);
		return;
	}
	b->connection = connection;
	stop_listening(b);
	if (b->rung) {
		wake_socket_ring(b);
	}
}

void wake_socket_ring(wake_socket *b)
{
	b->rung = b->connection < 0;
	/* A full buffer will do as well: it is readable. Whoever has gone is not to be woken. */
	if (!b->rung && send(b->connection, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
		userdata_close_fd(&b->connection);
	}
}
